"""The inputs and outputs that dvc.yaml declares for a stage, and a check that no input was edited while it ran.

DVC hashes inputs after the command (treeverse/dvc #11058), so it would record an edit during the run as used.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from string import Template
from typing import Any

import yaml

from stages import ROOT, STARTED_NS
from stages.base.errors import ProjectError, UserError
from stages.base.files import files_below, load_json
from stages.base.params import PARAMS_FILE, Params, read_params, written

PREPARED_WITH, TRAINED_WITH = Path("data/prepared/params.json"), Path("models/params.json")
MAKER = {PREPARED_WITH: "prepare", TRAINED_WITH: "train"}

SOURCES = (".py", ".html", ".css", ".md")  # the files that DVC hashes in a package: see .dvcignore


class Inputs:
    """The parameters and files that a stage declares in dvc.yaml, as they are when the stage begins.

    Attributes:
        params: the parameters of params.yaml; None if the stage declares none.
        outputs: the paths of all declared outputs, metrics and plots.
    """

    def __init__(self, stage: str, pipeline: str = "dvc.yaml") -> None:
        declared = yaml.load((ROOT / pipeline).read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"][stage]
        names = declared.get("params", [])
        outputs = [entry for kind in ("outs", "metrics", "plots") for entry in declared.get(kind, [])]
        self.stage = stage
        self.params = read_params() if names else None
        self.names = list(Params.model_fields) if {str(PARAMS_FILE): None} in names else names
        self.dependencies = [Path(Template(path).substitute(dict(self.params or {}))) for path in declared["deps"]]
        self.outputs = {Path(entry if isinstance(entry, str) else next(iter(entry))) for entry in outputs}
        self._files = self._states()

    def used(self) -> dict[str, Any]:
        """Return the declared parameters with their values."""
        return {name: getattr(self.params, name) for name in self.names}

    def check(self, written: Iterable[Path]) -> None:
        """Raise ProjectError if an input has changed since the stage began, or dvc.yaml declares other outputs."""
        if changed := [*self._changed_params(), *self._changed_files()]:
            raise ProjectError(f"{changed[0]} changed while {self.stage} ran: nothing is recorded, run it again")
        if different := self.outputs.symmetric_difference(written):
            names = ", ".join(sorted(map(str, different)))
            raise ProjectError(f"{self.stage}: must write exactly the outputs in dvc.yaml, different: {names}")

    def _changed_params(self) -> list[str]:
        now = read_params() if self.params else None
        return [f"{PARAMS_FILE}: {name}" for name, value in self.used().items() if getattr(now, name) != value]

    def _changed_files(self) -> list[Path]:
        before, now = self._files, self._states()
        changed = {path for path in before | now if before.get(path) != now.get(path)}
        # Python may have imported a source before the stage began.
        changed |= {path for path, (*_, time) in before.items() if path.suffix == ".py" and time > STARTED_NS}
        return sorted(changed)

    def _states(self) -> dict[Path, tuple[int, int, int]]:
        """Return what DVC compares to find changed files: inode, size and modification time in ns."""
        states = {}
        for path in self._files_below_dependencies():
            with suppress(FileNotFoundError):
                status = path.stat()
                states[path] = (status.st_ino, status.st_size, status.st_mtime_ns)
        return states

    def _files_below_dependencies(self) -> Iterator[Path]:
        for dependency in self.dependencies:
            files = files_below(dependency) if dependency.is_dir() else [dependency]
            # In a package, Python and editors write files of their own.
            is_package = (dependency / "__init__.py").exists()
            yield from (file for file in files if not is_package or file.suffix in SOURCES)


def check_made_with(params: Params) -> None:
    """Check that `prepare` and `train` ran with these parameters.

    Raises:
        UserError: params.yaml was edited after one of these stages, or its params.json is missing or damaged.
    """
    now = params.model_dump()
    for path, stage in MAKER.items():
        different = [
            f"{name} {written(value)}, now {written(now.get(name))}"
            for name, value in load_json(path).items()
            if now.get(name) != value
        ]
        if different:
            raise UserError(
                f"{path.parent}/ was made with {'; '.join(different)}: {PARAMS_FILE} was edited after that; "
                f"run dvc repro --force {stage}, then dvc repro"
            )


def warn_if_edited() -> None:
    """Print a line if params.yaml is wrong, or differs from the parameters that the data or the model was made with."""
    try:
        params = read_params()
        if all(map(Path.exists, MAKER)):
            check_made_with(params)
    except UserError as error:
        print(error, file=sys.stderr)

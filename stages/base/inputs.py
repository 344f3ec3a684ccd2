"""The inputs and outputs that dvc.yaml declares for a stage, and checks that no input was edited meanwhile.

DVC hashes inputs after the command (treeverse/dvc #11058), so it would record an edit in the middle of a run as used.
"""

import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from stages import ROOT, STARTED_NS
from stages.base.errors import ProjectError, UserError
from stages.base.files import files_below, load_json, unusable
from stages.base.params import PARAMS_FILE, Params, read_params, written

PREPARED_WITH, TRAINED_WITH = Path("data/prepared/params.json"), Path("models/params.json")
MAKER = {PREPARED_WITH: "prepare", TRAINED_WITH: "train"}

SOURCES = (".py", ".html", ".css", ".md")  # the files that DVC hashes in a package: see .dvcignore

Signature = tuple[int, int, int]  # inode, size, time of the last change in ns


class Inputs:
    """The parameters and files that a stage declares, as they are when the stage begins.

    Args:
        stage: its name.
        pipeline: the dvc.yaml that declares it.

    Attributes:
        params: the parameters of params.yaml; None if the stage declares none.
        outputs: the paths of all declared outputs, metrics and plots.

    Raises:
        UserError: params.yaml cannot be read, or a value in it is wrong.
    """

    def __init__(self, stage: str, pipeline: str = "dvc.yaml") -> None:
        declared = yaml.load((ROOT / pipeline).read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"][stage]
        self.stage = stage
        self.params = read_params() if "params" in declared else None
        self.names = [name for entry in declared.get("params", []) for name in _parameters(entry)]
        self.dependencies = self._paths(declared["deps"])
        self.outputs = set(
            self._paths(entry for kind in ("outs", "metrics", "plots") for entry in declared.get(kind, []))
        )
        self._files = self._signatures()

    def used(self) -> dict[str, Any]:
        """Return the declared parameters with their values."""
        return {name: getattr(self.params, name) for name in self.names}

    def check(self, written: Iterable[Path]) -> None:
        """Check that no input has changed and that every output was written, before the outputs get their names.

        Args:
            written: the paths of the outputs.

        Raises:
            ProjectError: an input has changed since the stage began, or the outputs differ from those in dvc.yaml.
        """
        changed = [*self._changed_params(), *self._changed_files()]
        if changed:
            more = f" (and {len(changed) - 1} more)" if changed[1:] else ""
            raise ProjectError(f"{changed[0]} changed while {self.stage} ran{more}: nothing is recorded, run it again")
        if different := self.outputs.symmetric_difference(written):
            names = ", ".join(sorted(map(str, different)))
            raise ProjectError(
                f"{self.stage} must write exactly the outputs that dvc.yaml declares; different: {names}"
            )

    def _paths(self, entries: Iterable[str | dict[str, Any]]) -> list[Path]:
        """Return the paths of entries in dvc.yaml, with ${parameters} filled in."""
        paths = (entry if isinstance(entry, str) else next(iter(entry)) for entry in entries)
        return [Path(re.sub(r"\$\{(\w+)\}", lambda name: str(getattr(self.params, name[1])), path)) for path in paths]

    def _signatures(self) -> dict[Path, Signature]:
        """Return a signature of every declared file, which differs when its contents have changed."""
        signatures = {}
        for path in (file for dependency in self.dependencies for file in _files_of(dependency)):
            with suppress(FileNotFoundError):
                status = path.stat()
                # In its cache DVC links a file from several workspaces, and each link changes the change time.
                time = status.st_ctime_ns if status.st_nlink == 1 else status.st_mtime_ns
                signatures[path] = (status.st_ino, status.st_size, time)
        return signatures

    def _changed_files(self) -> list[Path]:
        before, now = self._files, self._signatures()
        changed = {path for path in before | now if before.get(path) != now.get(path)}
        # Python imported some sources before `_signatures` was called.
        changed |= {path for path, (*_, time) in before.items() if path.suffix == ".py" and time > STARTED_NS}
        return sorted(changed)

    def _changed_params(self) -> list[str]:
        if self.params is None:
            return []
        try:
            now = read_params()
        except UserError:  # such as a file that is only half saved
            return [str(PARAMS_FILE)]
        return [f"{PARAMS_FILE}: {name}" for name, value in self.used().items() if getattr(now, name) != value]


def _parameters(entry: str | dict[str, Any]) -> list[str]:
    """Return the parameters of an entry in dvc.yaml: one name, or a file without names for all of its parameters."""
    if isinstance(entry, str):
        return [entry]
    return [name for names in entry.values() for name in (names or Params.model_fields)]


def _files_of(dependency: Path) -> list[Path]:
    """Return the files of a dependency; of a package only its sources, not the files of an editor or of Python."""
    path = dependency if dependency.exists() else ROOT / dependency
    if not path.is_dir():
        return [path]
    is_package = (path / "__init__.py").exists()
    return [file for file in files_below(path) if not is_package or file.suffix in SOURCES]


def differences(path: Path, params: Params) -> list[str]:
    """Return the parameters that differ from a params.json of `prepare` or `train`: "dropout 0.3, now 0.5".

    Raises:
        UserError: the file is missing or not valid.
    """
    used, now = load_json(path), params.model_dump()
    if unknown := used.keys() - now.keys():
        raise unusable(path, f"no parameter has the name {min(unknown)}")
    return [f"{name} {written(value)}, now {written(now[name])}" for name, value in used.items() if now[name] != value]


def check_made_with(path: Path, params: Params) -> None:
    """Check that earlier results were made with the current parameters.

    Raises:
        UserError: params.yaml was edited between two stages, or the file is missing or not valid.
    """
    if different := differences(path, params):
        raise UserError(
            f"{path.parent}/ was made with {different[0]}: {PARAMS_FILE} was edited while the pipeline ran; "
            f"run dvc repro --force {MAKER[path]}, then dvc repro"
        )


def warn_if_edited() -> None:
    """Print one line if params.yaml differs from the parameters that the model was made with, or is not valid."""
    try:
        params = read_params()
        different = [text for path in MAKER if path.exists() for text in differences(path, params)]
    except UserError as error:
        print(error, file=sys.stderr)
        return
    if different:
        print(f"these are not the results of {PARAMS_FILE}: {'; '.join(different)}; run dvc repro", file=sys.stderr)

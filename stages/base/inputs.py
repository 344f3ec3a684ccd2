"""What a stage reads: noted before it does, held against what is there at its end, and written down as a record.

DVC hashes dependencies and parameters once a stage has run (treeverse/dvc #11058). What somebody edits meanwhile it
would record as what was used, in dvc.lock and in its run cache, which hands it out as a result ever after.
"""

import hashlib
import json
import math
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from stages import ROOT, SOURCES
from stages.base.errors import ProjectError, UserError
from stages.base.files import load_json, unusable
from stages.base.params import PARAMS_FILE, Params
from stages.base.yaml_files import checked, load_mapping

RECORD = "inputs.json"  # the name of a stage's record, an output of it


def comparable(value: object) -> object:
    """A parameter's value as PyYAML and DVC's own reader of YAML, which differ in 1e-05, both give it."""
    if isinstance(value, bool):
        return value
    if value == "":  # what `-S patience=` writes
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return int(number) if number.is_integer() else number if math.isfinite(number) else value


def record(params: dict[str, Any], deps: dict[str, str | None]) -> dict[str, Any]:
    """What is written down of what a stage reads: a function of what DVC records, if that is true.

    Args:
        params: the parameters that it declares, and their values.
        deps: the md5 of each file or folder that it declares, as in dvc.lock.
    """
    return {
        "params": {name: comparable(value) for name, value in sorted(params.items())},
        "deps": {posixpath.normpath(path): md5 for path, md5 in sorted(deps.items())},
    }


def md5_of(path: Path, root: Path = Path()) -> str | None:
    """The checksum that DVC gives a file or a folder; None if it is not there, or cannot be read.

    Args:
        path: the file or folder.
        root: the folder above it from which on a .dvcignore counts.
    """
    try:
        if path.is_dir():
            names = [Path(top, name).relative_to(path).as_posix() for top, _, files in os.walk(path) for name in files]
            return _md5_of_folder({name: md5_of(path / name) for name in _hashed_by_dvc(path, names, root)})
        if not path.is_file():  # a pipe would have no end
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except OSError:
        return None


def _md5_of_folder(files: Mapping[str, str | None]) -> str:
    # As in dvc_data.hashfile.tree, so that it can be held against dvc.lock
    listing = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _hashed_by_dvc(folder: Path, names: Iterable[str], root: Path) -> list[str]:
    """Those of the files in a folder that no .dvcignore names."""
    from pathspec import GitIgnoreSpec

    ignored = [(folder, GitIgnoreSpec.from_lines([".hg/", ".git/", ".git", ".dvc/"]))]
    for above in (folder, *folder.parents) if folder.is_relative_to(root) else []:
        if above.is_relative_to(root) and (lines := above / ".dvcignore").is_file():
            ignored.append((above, GitIgnoreSpec.from_lines(lines.read_text(encoding="utf-8").splitlines())))
    return [
        name
        for name in names
        if not any(spec.match_file((folder / name).relative_to(base).as_posix()) for base, spec in ignored)
    ]


def _noted(path: str) -> str | None:
    """The checksum of a source, or of a folder of sources, from before Python read any; None if it is no such thing."""
    inside = {name.removeprefix(f"{path}/"): md5 for name, md5 in SOURCES.items() if name.startswith(f"{path}/")}
    if inside:
        return _md5_of_folder({name: inside[name] for name in _hashed_by_dvc(ROOT / path, inside, ROOT)})
    return SOURCES.get(path)


class Inputs:
    """What DVC records of a stage's inputs, as they are when the stage begins.

    Args:
        stage: its name.
        pipeline: the dvc.yaml that declares it.
        before: a stage whose output it declares in the place of the sources: they must not change either.

    Attributes:
        params: those of params.yaml; None where the stage declares none.

    Raises:
        UserError: params.yaml cannot be read, or a value in it is wrong; or the pipeline has no such stage.
    """

    def __init__(self, stage: str, pipeline: str = "dvc.yaml", before: str | None = None) -> None:
        self.stage = stage
        try:
            stages = yaml.load((ROOT / pipeline).read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"]
            declared = stages[stage]
            entries = [*declared["deps"], *(stages[before]["deps"] if before else [])]
        except (OSError, ValueError, KeyError, yaml.YAMLError) as error:
            raise UserError(f"{pipeline}: no stage {stage} can be read there") from error
        values, self.params = {}, None
        if "params" in declared:
            values = load_mapping(PARAMS_FILE)
            self.params = checked(values, Params, PARAMS_FILE)
        names = [name for entry in declared.get("params", []) for name in _names(entry, values)]
        self.values = {name: comparable(values[name]) for name in names}
        deps = (re.sub(r"\$\{(\w+)\}", lambda name: str(values[name[1]]), dep) for dep in entries)
        self.paths = list(dict.fromkeys(map(posixpath.normpath, deps)))
        self.sources = {path: md5 for path in self.paths if (md5 := _noted(path))}
        # What Python imports was noted before it did; the rest is read while it imports TensorFlow.
        pool = ThreadPoolExecutor(2)
        self.reading = {path: pool.submit(md5_of, Path(path)) for path in self.paths if path not in self.sources}
        pool.shutdown(wait=False)

    def deps(self) -> dict[str, str | None]:
        """The md5 of each dependency when the stage began."""
        return {path: self.sources.get(path) or self.reading[path].result() for path in self.paths}

    def record(self) -> dict[str, Any]:
        """What the stage writes down of what it read."""
        return record(self.values, self.deps())

    def stop_if_changed(self) -> None:
        """To be called when all is computed, before an output gets its name.

        Raises:
            ProjectError: something is not what it was when the stage began.
        """
        changed = [*self._changed_params(), *self._changed_files()]
        if changed:
            more = f" (and {len(changed) - 1} more)" if changed[1:] else ""
            raise ProjectError(
                f"{changed[0]} was changed while {self.stage} ran{more}, so nothing is recorded; run it again"
            )

    def _changed_params(self) -> list[str]:
        try:
            now = load_mapping(PARAMS_FILE)
        except UserError:  # half saved, say
            return [str(PARAMS_FILE)] if self.values else []
        there = {name: comparable(now.get(name)) for name in self.values}
        return [f"{PARAMS_FILE}: {name}" for name, was in self.values.items() if repr(there[name]) != repr(was)]

    def _changed_files(self) -> list[str]:
        with ThreadPoolExecutor(2) as pool:
            now = pool.map(self._now, self.paths)
        changed = [path for md5, (path, was) in zip(now, self.deps().items(), strict=True) if md5 != was]
        return [file for path in changed for file in self._changed_sources(path) or [path]]

    def _changed_sources(self, path: str) -> list[str]:
        """Which sources in a folder are not what they were; none where one is new, or it is no folder of sources."""
        inside = [name for name in SOURCES if path in self.sources and name.startswith(f"{path}/")]
        return [name for name in inside if md5_of(ROOT / name) != SOURCES[name]]

    def _now(self, path: str) -> str | None:
        return md5_of(ROOT / path, ROOT) if path in self.sources else md5_of(Path(path))


def _names(entry: str | dict[str, Any], values: Iterable[str]) -> list[str]:
    """The parameters that an entry of `params` in dvc.yaml means: a name, or a file and no names for all in it."""
    if isinstance(entry, str):
        return [entry]
    return [name for names in entry.values() for name in (names or values)]


def hold(path: Path, inputs: Inputs) -> None:
    """Hold the record of an earlier stage against the parameters of this one.

    Raises:
        UserError: it is no such record, or of other parameters.
    """
    then = load_json(path, "params")
    if not isinstance(then["params"], dict):
        raise unusable(path, f"its params are {then['params']!r}")
    now = inputs.params.model_dump()
    for name, value in then["params"].items():
        if name not in now or comparable(now[name]) != comparable(value):
            raise UserError(
                f"{path.parent}/: made with {name} {value!r}, but {PARAMS_FILE} says {now.get(name)!r}; run it again, "
                "and if it ends here again, DVC took down what was edited meanwhile: make back forgets that"
            )

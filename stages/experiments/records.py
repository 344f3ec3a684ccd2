"""What DVC recorded, in dvc.lock, in its run cache, in experiments: read, and whether it is what the stages read."""

import hashlib
import io
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from stages.base.environment import NAMES, environment
from stages.base.errors import ProjectError, UserError, one_line
from stages.base.files import as_json, leaves
from stages.base.git import git
from stages.base.inputs import RECORD, comparable, record
from stages.base.params import PARAMS_FILE, Params
from stages.base.yaml_files import checked

Entry = dict[str, Any]  # of one stage: cmd, deps, params, outs


def _params(entry: Entry) -> dict[str, Any]:
    return entry.get("params", {}).get(str(PARAMS_FILE), {})


def _md5(entry: Entry, kind: str) -> dict[str, str]:
    return {each["path"]: each["md5"] for each in entry.get(kind, [])}


def is_true(entry: Entry) -> bool:
    """Whether a stage's own record, an output of it, says the same as DVC's entry. One that keeps none is believed."""
    kept = [md5 for path, md5 in _md5(entry, "outs").items() if PurePosixPath(path).name == RECORD]
    text = as_json(record(_params(entry), _md5(entry, "deps")))
    return kept in ([], [hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()])


def params_of(lock: dict[str, Any]) -> dict[str, Any]:
    """The values of all parameters that the stages of a dvc.lock read."""
    return {name: value for entry in lock["stages"].values() for name, value in _params(entry).items()}


def contradiction(lock: dict[str, Any], params: object) -> str | None:
    """What in a dvc.lock is not so, because something was edited while the stages ran; None if all agrees.

    Args:
        lock: a dvc.lock.
        params: what the params.yaml beside it says.
    """
    if not isinstance(params, dict):
        return f"{PARAMS_FILE} is no longer what the stages read"
    for stage, entry in lock["stages"].items():
        if not is_true(entry):
            return f"{stage} read something else than is recorded"
    seen: dict[str, object] = {name: comparable(value) for name, value in params.items()}
    for stage, entry in lock["stages"].items():
        values = {name: comparable(value) for name, value in _params(entry).items()} | _md5(entry, "deps")
        for name, value in values.items():
            if seen.setdefault(name, value) != value:
                return f"{name} is not the same for {stage} as elsewhere"
    return None


def false_runs(folder: Path) -> Iterator[Path]:
    """The entries of DVC's run cache that are not true."""
    for path in folder.glob("*/*/*"):
        try:
            entry = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
            if not is_true(entry):
                yield path
        except (OSError, ValueError, AttributeError, KeyError, TypeError, yaml.YAMLError):  # DVC puts it away itself
            continue


# DVC gives an experiment a reference in Git when it has succeeded: refs/exps/<baseline commit>/<name>. One that failed
# has none there, but `dvc exp show` shows a row for it, with the metrics of its baseline.
REFERENCE = re.compile(r"refs/exps/(?P<start>[0-9a-f]{2})/(?P<rest>[0-9a-f]{38})/(?P<name>[^/]+)")

MEASURING = ("prepare", "train", "evaluate")  # the stages that decide what the metrics are
METRICS_FILES = tuple(f"metrics/{name}.json" for name in ("data", "environment", "train", "evaluation"))


Version = dict[str, str | None]  # what besides params decides the metrics: source -> md5, and the environment


class Experiment(NamedTuple):
    """What one run gave."""

    name: str
    commit: str  # on which it stands
    params: Params
    metrics: dict[str, float]  # by the names in `dvc exp show`: val_loss, validation.loss, test.accuracy ...
    version: Version


def _sources(read: Iterable[str], made: Iterable[str]) -> list[str]:
    """Those of the paths that stages read that no stage makes."""
    folders = tuple(f"{path}/" for path in made)
    return sorted(path for path in read if not f"{path}/".startswith(folders))


def _version(lock: dict[str, Any]) -> Version:
    """The sources of a dvc.lock."""
    # Not from `dvc exp show`, which has one md5 a file, though the pipeline and the study may have read two versions.
    stages = lock["stages"]
    read = {dep["path"]: dep["md5"] for name in MEASURING for dep in stages.get(name, {}).get("deps", [])}
    made = [out["path"] for stage in stages.values() for out in stage.get("outs", [])]
    return {path: read[path] for path in _sources(read, made)}


def _is_whole(lock: dict[str, Any]) -> bool:
    """Whether every stage read what the others made. After `dvc exp run train` the metrics of evaluate are older."""
    stages = lock["stages"].values()
    made = {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}
    return all(made.get(dep["path"], dep["md5"]) == dep["md5"] for stage in stages for dep in stage.get("deps", []))


def current_version(root: Path) -> Version:
    """The version of an experiment run in this checkout now, but for the graphics card, which is not looked for.

    Raises:
        ProjectError: a source is not there, or DVC cannot read its own files.
    """
    from dvc.dependency import ParamsDependency
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            stages = [stage for stage in repo.index.stages if stage.path_in_repo == "dvc.yaml"]
            made = [out.def_path for stage in stages for out in stage.outs]
            deps = [dep for stage in stages if stage.name in MEASURING for dep in stage.deps]
            read = {dep.def_path: dep for dep in deps if not isinstance(dep, ParamsDependency)}
            md5 = {path: read[path].get_hash().value for path in _sources(read, made)}
    except (DvcException, FileNotFoundError) as error:
        raise ProjectError(f"dvc: {one_line(error)}") from error
    return md5 | dict.fromkeys(NAMES) | environment()


def is_current(version: Version, current: Version) -> bool:
    """Whether a version is the current one, on whatever graphics card."""
    return version | {"gpu": None} == current


def committed_params() -> Params:
    """The parameters of the last commit.

    Raises:
        UserError: this is not the root of the project, or one is wrong.
    """
    if not PARAMS_FILE.exists():
        raise UserError(f"{PARAMS_FILE}: not there; run this from the root of the project")
    return checked(yaml.safe_load(git("show", f"HEAD:{PARAMS_FILE}")), Params, f"{PARAMS_FILE} of the last commit")


def committed_metrics() -> dict[str, float]:
    """The figures of the last commit, by their names in `dvc metrics show`.

    Raises:
        ProjectError: it has none.
    """
    return _numbers(_values(git("show", f"HEAD:{path}") for path in METRICS_FILES))


def _values(texts: Iterable[str | bytes]) -> dict[str, object]:
    return dict(leaf for text in texts for leaf in leaves(json.loads(text)))


def _numbers(values: dict[str, object]) -> dict[str, float]:
    return {key: float(value) for key, value in values.items() if type(value) in (int, float)}


def succeeded() -> tuple[list[Experiment], list[str]]:
    """All experiments of this repository that succeeded, of whatever commit, by name; and why others are left out, a
    line a reason.

    Their parameters are those of their dvc.lock: params.yaml may have been edited since.

    Raises:
        ProjectError: Git cannot read them.
    """
    listed = git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines()
    found = [(commit, match) for commit, name in map(str.split, listed) if (match := REFERENCE.fullmatch(name))]
    experiments, left_out = [], {}
    for (_, match), files in zip(found, _files_of(commit for commit, _ in found), strict=True):
        experiment = _read(match["name"], match["start"] + match["rest"], files)
        if isinstance(experiment, Experiment):
            experiments.append(experiment)
        else:
            left_out.setdefault(experiment, []).append(match["name"])
    notes = [f"left out, since {reason}: {shortlist(names)}" for reason, names in left_out.items()]
    return sorted(experiments, key=lambda experiment: experiment.name), notes


FILES = ("dvc.lock", str(PARAMS_FILE), *METRICS_FILES)


def _files_of(commits: Iterable[str]) -> Iterator[dict[str, bytes]]:
    """Those of FILES that each commit has, by one process of Git for all.

    Raises:
        ProjectError: Git cannot read them.
    """
    asked = [(commit, name) for commit in commits for name in FILES]
    lines = "".join(f"{commit}:{name}\n" for commit, name in asked)
    done = subprocess.run(["git", "cat-file", "--batch"], input=lines.encode(), capture_output=True, check=False)
    if done.returncode:
        raise ProjectError(f"git cat-file: {one_line(done.stderr.decode(errors='replace'))}")
    said, files = io.BytesIO(done.stdout), {}
    for number, (_, name) in enumerate(asked, 1):
        _, kind, *size = said.readline().split()
        if size and kind == b"blob":
            files[name] = said.read(int(size[0]))
            said.readline()
        if number % len(FILES) == 0:
            yield files
            files = {}


def _read(name: str, start: str, files: dict[str, bytes]) -> Experiment | str:
    """An experiment; or why it is none to be used.

    Args:
        name: its name.
        start: the commit on which it stands.
        files: those of FILES that it has.
    """
    lock = yaml.load(files.get("dvc.lock", b"stages: {}"), yaml.CSafeLoader)
    made = {out["path"]: out["md5"] for entry in lock["stages"].values() for out in entry.get("outs", [])}
    if not set(METRICS_FILES) <= made.keys() or not _is_whole(lock):
        return "not all of its stages were run"
    try:
        params = Params(**params_of(lock))
    except ValidationError:  # of a time when there were other parameters
        return "of other parameters"
    texts = {path: files.get(path, b"") for path in METRICS_FILES}
    if any(hashlib.md5(text, usedforsecurity=False).hexdigest() != made[path] for path, text in texts.items()):
        return "its metrics are not those of its dvc.lock"
    try:
        beside = yaml.load(files.get(str(PARAMS_FILE), b""), yaml.CSafeLoader)
    except (ValueError, yaml.YAMLError):  # half saved, say
        beside = None
    if found := contradiction(lock, beside):
        return f"{found}, while it ran"
    values = _values(texts.values())
    return Experiment(name, start, params, _numbers(values), _version(lock) | {key: values.get(key) for key in NAMES})


def shortlist(names: Iterable[str]) -> str:
    """The first of these names, and how many more there are."""
    names = list(dict.fromkeys(names))
    return "; ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")

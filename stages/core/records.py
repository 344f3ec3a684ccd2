"""Whether what DVC recorded is what the stages read: in dvc.lock, in an experiment, in its run cache."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from stages.core.artifacts import as_json
from stages.core.inputs import RECORD, comparable, record
from stages.core.params import PARAMS_FILE

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

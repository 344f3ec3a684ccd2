"""Make every output of the last commit again, from nothing, and compare it with the committed one: `make verify`.

In a temporary clone with a cache and a store of its own. Exit codes: 0 every byte is the same; 4 bytes differ, and
were computed in another environment (metrics/environment.json) than the committed ones; 1 bytes differ without such
a reason, or dvc.lock is not of this commit; 2 and 3 as everywhere.
"""

import csv
import hashlib
import io
import json
import math
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import dvc.api
import h5py
import numpy as np
import yaml
from dvc.exceptions import DvcException

from stages.base.errors import ProjectError
from stages.base.files import leaves
from stages.base.git import committed as committed_file
from stages.base.git import git
from stages.base.params import PARAMS_FILE
from stages.base.process import run
from stages.experiments.clones import clone
from stages.experiments.records import contradiction

TRAINED = ("train", "evaluate", "plot")  # the stages whose bytes may depend on the environment
EXPLAINED = 4


class Claim(NamedTuple):
    """What the commit says of one output."""

    stage: str
    md5: str  # in dvc.lock
    committed: bytes | None  # what Git has, if Git has it


class OtherBytes(ProjectError):  # noqa: N818  (a finding, as the next one)
    """The outputs differ from the committed ones."""


class OtherEnvironment(OtherBytes):
    """And the environment, too, so that was to be expected."""

    exit_code = EXPLAINED


def claims(lock: dict[str, Any]) -> dict[str, Claim]:
    """The outputs that a dvc.lock names, by their paths."""
    return {
        out["path"]: Claim(stage, out["md5"], committed_file(out["path"]))
        for stage, entry in lock["stages"].items()
        for out in entry["outs"]
    }


def changed_since(committed: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    """The sources and parameters that are not those of dvc.lock: somebody committed a change without its results."""
    outs = {out["path"] for entry in fresh["stages"].values() for out in entry["outs"]}
    changed = set()
    for stage, entry in fresh["stages"].items():
        before = committed["stages"].get(stage, {})
        md5 = {dep["path"]: dep["md5"] for dep in before.get("deps", [])}
        changed |= {
            dep["path"] for dep in entry["deps"] if dep["path"] not in outs and md5.get(dep["path"]) != dep["md5"]
        }
        if entry.get("params") != before.get("params") or entry["cmd"] != before.get("cmd"):
            changed.add("params.yaml or dvc.yaml")
    return sorted(changed)


def clone_and_reproduce(folder: Path) -> None:
    """Clone the last commit into an empty folder and run every stage there.

    Raises:
        ProjectError: it does not run; with the exit code of what failed where that means something.
    """
    surroundings = clone(folder, cache=Path("cache"))  # neither a cache nor a store that others wrote into
    for command in (["stages.commands.fetch"], ["dvc", "repro", "--force", "--no-run-cache"]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=folder, env=surroundings, check=False)
        if done.returncode:
            error = ProjectError(f"{' '.join(command)}: failed in a fresh clone of the last commit, see above")
            error.exit_code = done.returncode if done.returncode in (2, 3) else 1
            raise error


def compare(folder: Path) -> None:
    """Print a line for every output: the same bytes, or what differs.

    Raises:
        OtherBytes: something differs.
    """
    committed = yaml.safe_load(git("show", "HEAD:dvc.lock"))
    fresh = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))
    claimed, made = claims(committed), claims(fresh)
    width = max(map(len, made))
    stages = set()  # in which something differs
    wrong = changed_since(committed, fresh)
    for path in wrong:
        print(f"changed since the results were committed: {path}")
    if found := contradiction(committed, yaml.safe_load(git("show", f"HEAD:{PARAMS_FILE}"))):
        wrong.append("dvc.lock")
        print(f"dvc.lock contradicts itself: {found}")
    for path, (stage, md5, in_git) in made.items():
        claim = claimed.get(path)
        if claim and in_git is not None and hashlib.md5(in_git, usedforsecurity=False).hexdigest() != claim.md5:
            wrong.append(path)
            print(f"  {path:{width}}  NOT WHAT dvc.lock SAYS: {_difference(path, in_git, folder)}")
        elif claim and claim.md5 == md5:
            print(f"  {path:{width}}  same bytes")
        else:
            stages.add(stage)
            print(f"  {path:{width}}  OTHER BYTES: {_difference(path, in_git, folder)}")
    before = json.loads(committed_file("metrics/environment.json") or "null")
    now = json.loads((folder / "metrics/environment.json").read_text(encoding="utf-8"))
    if not wrong and not stages:
        print(f"all {len(made)} outputs: the same bytes")
        return
    if wrong or before == now or not stages <= set(TRAINED):
        raise OtherBytes("the committed results are not what the commit gives, and no other environment explains it")
    raise OtherEnvironment(f"bytes differ, as the environment does: committed {before}, here {now}")


def values_in(suffix: str, contents: bytes) -> dict[str, Any] | None:
    """The numbers, texts and arrays in a file with this ending, by names; None where none can be told apart."""
    file = io.BytesIO(contents)
    match suffix:
        case ".json":
            return dict(leaves(json.load(file)))
        case ".csv":
            rows = enumerate(csv.DictReader(io.StringIO(contents.decode())), 1)
            return {f"{name} in row {number}": text for number, row in rows for name, text in row.items()}
        case ".npz":
            return dict(np.load(file))
        case ".h5":
            arrays: dict[str, Any] = {}
            with h5py.File(file) as group:
                group.visititems(lambda name, item: arrays.update({name: item[()]} if hasattr(item, "shape") else {}))
            return arrays
        case ".keras":
            with zipfile.ZipFile(file) as archive:
                parts = {name: archive.read(name) for name in archive.namelist()}
            return parts | values_in(".h5", parts.pop("model.weights.h5"))
    return None


def apart(one: Any, other: Any) -> float | None:  # noqa: ANN401
    """The largest difference of two numbers, texts of numbers, or arrays of them; None if they are something else."""
    try:
        one, other = np.asarray(one).astype(float), np.asarray(other).astype(float)
    except (TypeError, ValueError):
        return None
    distance = float(np.max(np.abs(one - other), initial=0)) if one.shape == other.shape else math.nan
    return None if math.isnan(distance) else distance


def difference(suffix: str, committed: bytes, fresh: bytes) -> str:
    """What differs between two files with this ending, and by how much at most."""
    try:
        before, now = (values_in(suffix, contents) for contents in (committed, fresh))
    except Exception as error:  # whatever a damaged file makes its reader raise
        return f"the committed file cannot be read ({type(error).__name__})"
    if before is None:
        return f"{len(committed):,} bytes, now {len(fresh):,}"
    if before.keys() != now.keys():
        return f"other names: {', '.join(sorted(before.keys() ^ now.keys()))}"
    different = {name: apart(before[name], now[name]) for name in now if not np.array_equal(before[name], now[name])}
    numbers = {name: by for name, by in different.items() if by is not None}
    others = [name for name in different if name not in numbers]
    said = []
    if others:
        said.append(f"{others[0]}{f' and {len(others) - 1} more are' if others[1:] else ' is'} something else")
    if numbers:
        largest = max(numbers, key=numbers.__getitem__)
        said.append(f"{len(numbers)} of {len(now)} values, most in {largest}: by {numbers[largest]:.3g}")
    return "; ".join(said) or "every value is the same, written otherwise"


def _difference(path: str, in_git: bytes | None, folder: Path) -> str:
    fresh = folder / path
    if fresh.is_dir():
        return "; ".join(
            f"{file.name}: {_difference(f'{path}/{file.name}', None, folder)}" for file in sorted(fresh.iterdir())
        )
    try:
        committed = dvc.api.read(path, rev="HEAD", mode="rb") if in_git is None else in_git
    except (DvcException, OSError):  # in no cache, or under no such path
        return "the committed file is not on this machine to compare"
    return difference(fresh.suffix, committed, fresh.read_bytes())


def main() -> None:
    """The last commit -> a report on the terminal."""
    print(f"from nothing: {git('log', '-1', '--format=%h %s').strip()}")
    if git("status", "--porcelain").strip():
        print("(what is not committed is not looked at)")
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        folder = Path(temporary) / "clone"
        clone_and_reproduce(folder)
        compare(folder)


if __name__ == "__main__":
    run(main)

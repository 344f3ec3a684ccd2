"""Make every output of the last commit again, from nothing, and compare it with the committed one: `make verify`.

In a temporary clone with a cache and a store of its own. Exit codes: 0 every byte is the same; 4 bytes differ, and
were computed in another environment (metrics/environment.json) than the committed ones; 1 bytes differ without such
a reason, or dvc.lock is not of this commit; 2 and 3 as everywhere.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import dvc.api
import yaml
from dvc.exceptions import DvcException

from stages.core.clones import clone, git
from stages.core.differences import difference
from stages.core.errors import ProjectError, run
from stages.core.params import PARAMS_FILE
from stages.core.records import contradiction

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


def _committed(path: str) -> bytes | None:
    shown = subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=False)
    return None if shown.returncode else shown.stdout


def claims(lock: dict[str, Any]) -> dict[str, Claim]:
    """The outputs that a dvc.lock names, by their paths."""
    return {
        out["path"]: Claim(stage, out["md5"], _committed(out["path"]))
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
    before = json.loads(_committed("metrics/environment.json") or "null")
    now = json.loads((folder / "metrics/environment.json").read_text(encoding="utf-8"))
    if not wrong and not stages:
        print(f"all {len(made)} outputs: the same bytes")
        return
    if wrong or before == now or not stages <= set(TRAINED):
        raise OtherBytes("the committed results are not what the commit gives, and no other environment explains it")
    raise OtherEnvironment(f"bytes differ, as the environment does: committed {before}, here {now}")


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

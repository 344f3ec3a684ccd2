"""Bring back the committed parameters and their results, from any state of the working tree: `make back`.

Left as they are: sources that were edited, and folders that were given to DVC (`dvc add`); they are named, with what to
type. Exit codes: 3 Fashion-MNIST cannot be reached and something is in no cache, else those of `repro`.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import yaml

from stages.base.errors import DataUnreachable, UserError
from stages.base.git import git
from stages.base.params import read_params
from stages.base.process import run
from stages.commands import fetch, mend
from stages.commands.repro import become_dvc, only_one

RESULTS = ("params.yaml", "dvc.lock", "metrics", "plots")  # what DVC writes and Git keeps
NEEDED = (".dvc", ".dvcignore", ".gitignore", "data", "dvc.yaml", "models", "stages")  # where it is gone, of these


def listed(command: str, *arguments: str) -> list[str]:
    """The names that a git command prints."""
    return git(command, "-z", *arguments).split("\0")[:-1]


def restore_from_git() -> None:
    """Bring back what DVC wrote over, and what is gone of the pipeline."""
    committed = listed("ls-tree", "-r", "--name-only", "HEAD", "--", *RESULTS, *NEEDED)
    names = [name for name in committed if name.split("/")[0] in RESULTS or name.endswith("/.gitignore")]
    names += [name for name in committed if not os.path.lexists(name)]
    restored = sorted({name for name in names if not _behind_a_link(Path(name))})
    for path in map(Path, restored):
        _make_room(path)
        # `dvc exp run` writes params.yaml twice within a second, and where both values have the same length Git takes
        # the second for the first: it would show no change and check out nothing. A new time makes it read the file.
        with suppress(FileNotFoundError):
            path.touch()
    git("checkout", "--quiet", "HEAD", "--", *restored)


def _behind_a_link(path: Path) -> bool:
    """Whether a folder above it is a link to one, to another disk, say: Git would put a folder in its place."""
    return any(place.is_symlink() and place.is_dir() for place in path.parents)


def _make_room(path: Path) -> None:
    """Move away a file in the place of a folder above this path, or a folder or link in the place of the file."""
    for place in (*reversed(path.parents[:-1]), path):
        blocked = (place.is_dir() or place.is_symlink()) if place == path else not place.is_dir()
        if blocked and os.path.lexists(place):
            aside = place.with_name(f"{place.name}.was")
            while os.path.lexists(aside):
                aside = aside.with_name(f"{aside.name}.was")
            place.rename(aside)
            print(f"{place}: something else stood there: it is {aside} now", flush=True)


def remarks() -> None:
    """Say what is not as committed and is left as it is.

    Raises:
        UserError: the folder that the parameters name was given to DVC, and is not there.
    """
    code = ("stages", "dvc.yaml", "data", ".dvcignore", ".dvc/config", ":!*.dvc")
    edited = listed("diff", "--name-only", "HEAD", "--", *code)
    edited += listed("ls-files", "--others", "--exclude-standard", "--", "stages", "data/examples")
    if edited:
        more = f" and {len(edited) - 1} more" if edited[1:] else ""
        print(f"{edited[0]}{more}: not as committed, and left so, so that results are of it; to see it: git status")
    params = read_params()
    for pointer in map(Path, listed("ls-files", "*.dvc")):
        own = pointer.with_suffix("")
        way_back = f"git checkout HEAD -- {pointer} && dvc checkout {pointer}"
        line = f"{own}: not as committed, and left so, since it is your own; to bring it back: {way_back}"
        if not own.exists() and params.dataset == "images" and own == Path(os.path.normpath(params.image_dir)):
            raise UserError(line)
        if listed("diff", "--name-only", "HEAD", "--", str(pointer)) or _differs(pointer):
            print(line)
    sys.stdout.flush()


def _differs(pointer: Path) -> bool:
    from dvc.repo import Repo

    with Repo() as repo:
        return bool(repo.status(targets=[str(pointer)]))


def missing() -> list[str]:
    """The outputs in dvc.lock that are not there."""
    stages = yaml.safe_load(Path("dvc.lock").read_text(encoding="utf-8"))["stages"]
    paths = [out["path"] for entry in stages.values() for out in entry["outs"]]
    return [path for path in paths if not Path(path).exists()]


def main() -> None:
    """The last commit, DVC's cache -> params.yaml, dvc.lock and every output."""
    only_one()
    restore_from_git()
    mend.main()
    # The outputs of the stages alone: without a name it would set back what was given to DVC too.
    subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", "--quiet", "--force", "dvc.yaml"],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    remarks()
    try:
        fetch.main()
    except DataUnreachable as error:
        print("The committed parameters, metrics, tables and the README's pictures are back.", flush=True)
        gone = missing()
        more = f" and {len(gone) - 1} more outputs" if gone[1:] else ""
        what = (
            f"not back: {gone[0]}{more}, in no cache here" if gone else "prepare would run, since what it reads changed"
        )
        raise DataUnreachable(f"{what}; with the data, make: {error}") from error
    become_dvc("repro")


if __name__ == "__main__":
    run(main)

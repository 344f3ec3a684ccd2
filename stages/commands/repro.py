"""Run the pipeline: mend what DVC left torn, get the data, then `dvc repro`: the beginning of `make`.

Where Fashion-MNIST cannot be reached, scikit-learn's digits run instead, as an experiment. With arguments, those of
`dvc repro`: python -m stages.commands.repro study/dvc.yaml. Exit codes: those of `fetch`, then those of `dvc`.
"""

import fcntl
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import psutil

from stages.base.errors import DataUnreachable
from stages.base.git import identity
from stages.base.process import run
from stages.commands import fetch
from stages.commands.mend import TEMPORARY

INSTEAD = """
==== Fashion-MNIST cannot be reached: running scikit-learn's embedded digits INSTEAD, as a changed parameter.
==== The same by hand: dvc exp run -S dataset=digits
"""


def only_one() -> None:
    """Wait until no other `make` and no `dvc` runs in this workspace.

    The lock against another `make` stays with this process, and so with the `dvc` that it becomes.
    """
    TEMPORARY.mkdir(parents=True, exist_ok=True)
    lock = os.open(TEMPORARY / "make.lock", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(lock, True)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another make runs here: waiting for it to end", file=sys.stderr, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    if _dvc_runs():
        print("another dvc runs here: waiting for it to end", file=sys.stderr, flush=True)
        while _dvc_runs():
            time.sleep(0.5)


def _dvc_runs() -> bool:
    """Whether a living `dvc` has locked a file, by its own list."""
    try:
        locked = json.loads((TEMPORARY / "rwlock").read_text(encoding="utf-8"))
        readers = [holder for holders in locked["read"].values() for holder in holders]
        return any(_is_dvc(holder["pid"]) for holder in (*readers, *locked["write"].values()))
    except (OSError, ValueError, AttributeError, TypeError, KeyError):  # not there; torn, which `mend` sees to
        return False


def _is_dvc(pid: int) -> bool:
    # A number can be that of another process by now, or in a container this one's.
    try:
        words = psutil.Process(pid).cmdline() if pid != os.getpid() else []
    except psutil.Error:
        return False
    return any(Path(word).name == "dvc" for word in words)  # .venv/bin/dvc, or python -m dvc


def become_dvc(*words: str) -> NoReturn:
    """Go on as `dvc`, which commits experiments also where Git knows nobody's name."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "dvc", *words], os.environ | identity())


def main(targets: Sequence[str] | None = None) -> None:
    """params.yaml, the data -> every output; or of these stages alone, as `dvc repro` takes them."""
    targets = sys.argv[1:] if targets is None else targets
    if "EPOCHS_CAP_GB" in os.environ:  # else the import is saved
        from stages.training.store import cap

        cap()  # if it is wrong, before DVC deletes anything
    only_one()
    try:
        fetch.main()
    except DataUnreachable as error:
        if targets:
            raise
        print(error, file=sys.stderr, flush=True)
        print(INSTEAD, flush=True)
        become_dvc("exp", "run", "--set-param", "dataset=digits")
    become_dvc("repro", *targets)


if __name__ == "__main__":
    run(main)

"""Put right what DVC left half written when it was killed, and would refuse ever after: `make` begins with it.

DVC writes two files of its own in place (3.67): the list of locked files, which holds nothing that is still needed
once its writer is dead, and dvc.lock, which is in Git. By itself: python -m stages.commands.mend.
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from stages.core.errors import run

TEMPORARY = Path(".dvc/tmp")


def _forget_locked_files() -> str:
    (TEMPORARY / "rwlock").unlink()
    return "removed"


def _restore_lock_file() -> str:
    subprocess.run(["git", "checkout", "--quiet", "HEAD", "--", "dvc.lock"], check=True)
    return "the committed one is back"


def _is_half(text: str) -> bool:
    """Whether a YAML file that DVC wrote ends too early. Conflicts of a merge are whole lines, and the user's."""
    return text != "" and not text.endswith("\n")


def _is_no_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


# File, the lock that DVC holds while it writes the file, whether a text is torn, what to do then.
FILES: list[tuple[Path, str, Callable[[str], bool], Callable[[], str]]] = [
    (TEMPORARY / "rwlock", "rwlock.lock", _is_no_json, _forget_locked_files),
    (Path("dvc.lock"), "lock", _is_half, _restore_lock_file),
]


def mend() -> None:
    """Mend each file that is torn, and say so; a file that a living `dvc` is writing is left to it."""
    for path, lock, is_torn, repair in FILES:
        if path.is_file() and is_torn(path.read_text(errors="replace")):
            from dvc.lock import LockError, make_lock

            with suppress(LockError), make_lock(str(TEMPORARY / lock), tmp_dir=str(TEMPORARY)):
                if path.is_file() and is_torn(path.read_text(errors="replace")):
                    print(f"{path}: half written by a dvc that was killed: {repair()}", flush=True)


if __name__ == "__main__":
    run(mend)

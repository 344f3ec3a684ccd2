"""Put right what DVC left half written when it was killed, and forget what it recorded falsely.

`make` begins with the first, `make back` and `make sweep` with both; by itself: python -m stages.commands.mend.

DVC writes two files of its own in place (3.67): the list of locked files, which holds nothing that is still needed
once its writer is dead, and dvc.lock, which is in Git. What somebody edits in the moment between the end of a stage
and DVC's reading of its inputs, DVC records as used, and never rewrites that in its run cache.
"""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import yaml

from stages.base.process import run
from stages.experiments.records import false_runs, is_true

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


def forget_false_runs() -> None:
    """Take out of DVC's run cache, which it never rewrites, what is not what the stages read; and say so."""
    from dvc.repo import Repo

    with Repo() as repo:
        runs = list(false_runs(Path(repo.stage_cache.cache_dir)))
    for path in runs:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # other results under the same key; an empty folder DVC cannot read
            path.parent.rmdir()
    if runs:
        print(f"DVC's run cache: {len(runs)} not of what the stages read: forgotten", flush=True)


def forget_false_stages() -> None:
    """The same in dvc.lock, so that the next `dvc repro` runs these stages."""
    from dvc.lock import LockError, make_lock
    from dvc.utils.serialize import modify_yaml

    path = Path("dvc.lock")
    with suppress(LockError, FileNotFoundError), make_lock(str(TEMPORARY / "lock"), tmp_dir=str(TEMPORARY)):
        entries = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["stages"]
        if stages := [stage for stage, entry in entries.items() if not is_true(entry)]:
            with modify_yaml(str(path)) as lock:
                for stage in stages:
                    del lock["stages"][stage]
            print(f"{path}: {', '.join(stages)} not of what was read: forgotten", flush=True)


def main() -> None:
    """All of it."""
    mend()
    forget_false_runs()
    forget_false_stages()


if __name__ == "__main__":
    run(main)

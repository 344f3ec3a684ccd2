"""The files that stages hand to each other. Equal contents give equal bytes: no times, no paths."""

import csv
import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from stages.core.errors import UNFINISHED, ProjectError, UserError, one_line, stop_if_told

LOCK = Path(".stage.lock")

SHELLS = {"sh", "bash", "dash", "fish", "ksh", "zsh"}

METRICS = ("loss", "accuracy", "val_loss", "val_accuracy")  # of an epoch, in the order of plots/history.csv
Logs = dict[str, float]  # METRICS of one epoch


def main_checkout() -> Path:
    """Where the user's own files are: DVC says it to every stage, also in the copies of queued experiments."""
    return Path(os.environ.get("DVC_ROOT", ""))


def _starter() -> psutil.Process | None:
    # DVC starts a command through a shell. Most shells replace themselves by the command, so that DVC is its parent;
    # Debian's sh stays in between, and lives on when DVC dies.
    process = psutil.Process().parent()
    while process and process.name() in SHELLS:
        process = process.parent()
    return process


STARTER = _starter()


@contextmanager
def outputs(check: Callable[[], None] | None = None) -> Iterator[Callable[[Path], Path]]:
    """All outputs of a stage, or none; one stage at a time in a workspace.

    Yields a function: the path of an output -> the path to write it to, in the same folder and with the same
    ending. The outputs get their own names when the block ends; if it fails, what was there before stays.

    Args:
        check: called at the end, before they get their names; what it raises leaves none.

    Raises:
        ProjectError: see `stop_if_unwanted`.
    """
    unfinished: dict[Path, Path] = {}

    def begin(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return unfinished.setdefault(path, path.with_name(f"{UNFINISHED}{path.name}"))

    with _only_stage():
        try:
            yield begin
            stop_if_unwanted()
            if check:
                check()
            for path, temporary in unfinished.items():
                temporary.replace(path)
        except OSError as error:
            if error.filename is None:  # a write that failed does not say where
                error.filename = ", ".join(sorted({path.parent.as_posix() for path in unfinished}))
            raise
        finally:
            for temporary in unfinished.values():
                temporary.unlink(missing_ok=True)


@contextmanager
def _only_stage() -> Iterator[None]:
    # `dvc` can be killed and the stage that it started goes on; the next `dvc repro` would write beside it. The
    # operating system releases the lock when its holder dies, however it dies.
    lock = FileLock(LOCK)
    acquire(lock, "another stage still runs in this workspace: waiting for it to end")
    try:
        yield
    finally:
        lock.release()


def acquire(lock: FileLock, line: str) -> None:
    """Take a lock; where another process has it, print the line and wait."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(line, file=sys.stderr, flush=True)
        lock.acquire()


def stop_if_unwanted() -> None:
    """Raise `Stopped` if a signal came, `ProjectError` if DVC started this process and is gone: nobody waits for
    its outputs.

    A process that a person started, from a terminal closed since, may go on.
    """
    stop_if_told()
    if "DVC_STAGE" in os.environ and _starter() != STARTER:
        raise ProjectError("the dvc that started this stage is gone: stopped, and no output written")


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; a NaN or infinity is refused with ValueError, since no JSON reader need take it."""
    path.write_text(as_json(values), encoding="utf-8")


def as_json(values: dict[str, Any]) -> str:
    """What `save_json` writes."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def load_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read what `save_json` wrote, with these keys at least.

    Raises:
        UserError: the file is absent or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error
    if not isinstance(values, dict):
        raise unusable(path, f"not a mapping: {values!r}")
    if missing := [key for key in keys if key not in values]:
        raise unusable(path, f"{missing[0]} is missing")
    return values


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a header; floats with all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def load_csv(path: Path, columns: dict[str, Callable[[str], Any]]) -> list[dict[str, Any]]:
    """Read these columns of a table, each with its type, as one mapping a row.

    Raises:
        UserError: the file is absent, or not a table with such columns and at least one row.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: kind(row[name] or "") for name, kind in columns.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise unusable(path, error) from error
    if not rows:
        raise unusable(path, "no rows")
    return rows


def unusable(path: Path, why: object) -> UserError:
    """The error for a file that a stage makes and that is missing or no longer what the stage made."""
    if isinstance(why, OSError) and why.strerror:
        why = why.strerror
    reason = "not there" if why == os.strerror(errno.ENOENT) else f"cannot be used: {one_line(why)}"
    return UserError(f"{path}: {reason}; to make it: dvc repro")

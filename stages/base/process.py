"""The process of a stage or a command: how it ends, whether anybody still waits for it, and all its outputs or none."""

import errno
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil
from filelock import FileLock, Timeout

from stages.base.errors import BACK, ProjectError, one_line

UNFINISHED = ".unfinished-"  # before the name of an output while it is being written

LOCK = Path(".stage.lock")
SHELLS = {"sh", "bash", "dash", "fish", "ksh", "zsh"}

# What the machine refuses: no fault of the program, so no traceback.
MACHINE = {
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EIO, errno.EISDIR, errno.ELOOP, errno.EMFILE, errno.ENFILE,
    errno.ENOMEM, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip


class Stopped(KeyboardInterrupt):
    """Ctrl-C (SIGINT) or SIGTERM: through every `finally`, past every `except Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


_stopped: list[Stopped] = []  # the last one, if any
_waiting: list[psutil.Process | None] = []  # what started this process, once `note_who_waits` has looked


def run(main: Callable[[], None]) -> None:
    """Call `main` and exit with 0, or print one line and exit with the code of a `ProjectError`.

    What the machine refuses (no space, no permission) exits with 1, Ctrl-C with 130, SIGTERM with 143. Any other
    exception is a fault of ours and keeps its traceback (Python exits with 1).
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a class may have a name that the terminal cannot write
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    _stopped.clear()
    note_who_waits()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, _stop)
    try:
        main()
    except ProjectError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        number = stop.signal if isinstance(stop, Stopped) else signal.SIGINT
        who = "Ctrl-C" if number == signal.SIGINT else number.name
        where = "".join(f" {note}" for note in getattr(stop, "__notes__", []))
        go_on = "dvc repro goes on there" if _by_dvc_here() else "to go on, run it again"
        _fail(f"stopped by {who}{where}{_left()}; {go_on}", 128 + number)
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        _fail(_describe(error), ProjectError.exit_code)


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    _stopped[:] = [Stopped(number)]
    raise _stopped[0]


def _fail(message: str, exit_code: int) -> NoReturn:
    print(f"{message}; {BACK}" if _by_dvc_here() else message, file=sys.stderr)
    sys.exit(exit_code)


def _by_dvc_here() -> bool:
    """Whether DVC started this stage in the workspace itself, not in a temporary copy."""
    root = os.environ.get("DVC_ROOT")
    return "DVC_STAGE" in os.environ and bool(root) and Path(root).resolve() == Path.cwd()


def _left() -> str:
    """What is left of the old outputs: DVC deletes those of a stage before it runs it, but for those of check."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec and spec.name.startswith("stages.commands."):  # not all of them write all or nothing
        return ""
    if _by_dvc_here() and os.environ["DVC_STAGE"] != "check":
        return "; DVC had deleted the old outputs of this stage"
    return "; nothing was replaced"


def _describe(error: OSError) -> str:
    where = f"{error.filename}: ".replace(UNFINISHED, "") if error.filename else ""
    return f"{where}{one_line(error.strerror)}{_left()}; once that is mended, run it again"


def stop_if_told() -> None:
    """Raise `Stopped` if a signal came: what its handler raised, a library's C code may have thrown away."""
    if _stopped:
        raise _stopped[0]


def note_who_waits() -> None:
    """To be called when a process begins: `stop_if_unwanted` looks whether what started it is still there."""
    _waiting[:] = [_starter()]


def _starter() -> psutil.Process | None:
    # DVC starts a command through a shell. Most shells replace themselves by the command, so that DVC is its parent;
    # Debian's sh stays in between, and lives on when DVC dies.
    process = psutil.Process().parent()
    while process and process.name() in SHELLS:
        process = process.parent()
    return process


def stop_if_unwanted() -> None:
    """Raise `Stopped` if a signal came, `ProjectError` if DVC started this process and is gone: nobody waits for
    its outputs.

    A process that a person started, from a terminal closed since, may go on.
    """
    stop_if_told()
    if "DVC_STAGE" in os.environ and _waiting and _starter() != _waiting[0]:
        raise ProjectError("the dvc that started this stage is gone: stopped, and no output written")


def acquire(lock: FileLock, line: str) -> None:
    """Take a lock; where another process has it, print the line and wait."""
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(line, file=sys.stderr, flush=True)
        lock.acquire()


def main_checkout() -> Path:
    """Where the user's own files are: DVC says it to every stage, also in the copies of queued experiments."""
    return Path(os.environ.get("DVC_ROOT", ""))


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

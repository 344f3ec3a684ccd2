"""Errors that are for the person at the keyboard, and the one place that prints them."""

import errno
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn

BACK = "to return to the committed parameters and results: make back"

UNFINISHED = ".unfinished-"  # before the name of an output while it is being written

# What the machine refuses: no fault of the program, so no traceback.
MACHINE = {
    errno.EACCES, errno.EDQUOT, errno.EEXIST, errno.EIO, errno.EISDIR, errno.ELOOP, errno.EMFILE, errno.ENFILE,
    errno.ENOMEM, errno.ENOSPC, errno.ENOTDIR, errno.EPERM, errno.EROFS,
}  # fmt: skip


class ProjectError(Exception):
    """One line: where, what was received, what is expected, what to do. Never shown with a traceback."""

    exit_code = 1


class UserError(ProjectError):
    """The user's input is wrong: parameters, files or arguments."""

    exit_code = 2


class DataUnreachable(ProjectError):  # noqa: N818  (a state of the world, not a mistake)
    """The data is neither on this machine nor to be had from the network."""

    exit_code = 3


class Stopped(KeyboardInterrupt):
    """SIGINT or SIGTERM: through every `finally`, past every `except Exception`."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


_stopped: list[Stopped] = []  # the last one, if any


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    _stopped[:] = [Stopped(number)]
    raise _stopped[0]


def stop_if_told() -> None:
    """Raise `Stopped` if a signal came: what its handler raised, a library's C code may have thrown away."""
    if _stopped:
        raise _stopped[0]


def _interrupted_import(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Ctrl-C before `run`, while modules are still being imported, is one line too."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped by SIGINT", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _interrupted_import


def one_line(error: object) -> str:
    """A message without line breaks, cut where it grows beyond what anyone reads."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _describe(error: OSError) -> str:
    where = f"{error.filename}: ".replace(UNFINISHED, "") if error.filename else ""
    return f"{where}{one_line(error.strerror)}; nothing was replaced; once that is mended, run it again"


def _fail(message: str, exit_code: int) -> NoReturn:
    # DVC deletes a stage's outputs before it runs the stage, but in a workspace only, not in a temporary copy.
    root = os.environ.get("DVC_ROOT")
    in_workspace = "DVC_STAGE" in os.environ and root and Path(root).resolve() == Path.cwd()
    print(f"{message}; {BACK}" if in_workspace else message, file=sys.stderr)
    sys.exit(exit_code)


def run(main: Callable[[], None]) -> None:
    """Call `main` and exit with 0, or print one line and exit with the code of a `ProjectError`.

    What the machine refuses (no space, no permission) exits with 1, SIGINT with 130, SIGTERM with 143. Any other
    exception is a fault of ours and keeps its traceback (Python exits with 1).
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    _stopped.clear()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell has it ignored
        signal.signal(signal.SIGINT, _stop)
    try:
        main()
    except ProjectError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        number = stop.signal if isinstance(stop, Stopped) else signal.SIGINT
        where = "".join(f" {note}" for note in getattr(stop, "__notes__", []))
        _fail(f"stopped by {number.name}{where}; nothing was replaced; to go on, run it again", 128 + number)
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        _fail(_describe(error), ProjectError.exit_code)

"""How a stage or a tool runs: its exit code, signals, one stage at a time, and all of its outputs or none."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from filelock import AcquireReturnProxy, FileLock, Timeout

from stages.base.errors import ProjectError, one_line
from stages.base.inputs import Inputs

UNFINISHED = ".unfinished-"  # the beginning of an output's name while it is being written
LOCK = Path(".stage.lock")

_signals: list[signal.Signals] = []  # the last one received, if any


def run(main: Callable[[], None]) -> None:
    """Call `main`; print one line for an error and exit with its code.

    Errors of the machine, such as a full disk, exit with 1, Ctrl-C with 130, SIGTERM with 143. Any other exception is
    a bug: it keeps its traceback, and Python exits with 1.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # the terminal may lack the letters of a class name
    _signals.clear()
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell ignores it for background jobs
        signal.signal(signal.SIGINT, _stop)
    try:
        main()
    except ProjectError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        number = _signals[-1] if _signals else signal.SIGINT
        who = "Ctrl-C" if number == signal.SIGINT else number.name
        where = "".join(f" {note}" for note in getattr(stop, "__notes__", []))
        _fail(f"stopped by {who}{where}; the same command continues", 128 + number)
    except OSError as error:
        where = f"{error.filename}: ".replace(UNFINISHED, "") if error.filename else ""
        _fail(f"{where}{one_line(error.strerror or error)}", ProjectError.exit_code)


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    _signals.append(signal.Signals(number))
    raise KeyboardInterrupt


def _fail(message: str, exit_code: int) -> NoReturn:
    if "DVC_STAGE" in os.environ:  # `dvc metrics diff` would show the old results as those of the new parameters
        message = f"{message} (models, metrics and plots are still those of the previous run)"
    print(message, file=sys.stderr)
    sys.exit(exit_code)


def stop_if_signalled() -> None:
    """Raise KeyboardInterrupt again if a signal came: a library's C code may have swallowed the first."""
    if _signals:
        raise KeyboardInterrupt


def acquire(lock: FileLock, line: str) -> AcquireReturnProxy:
    """Take a lock; if another process has it, print the line and wait. A `with` block releases the lock at its end."""
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        print(line, file=sys.stderr, flush=True)
        return lock.acquire()


def main_checkout() -> Path:
    """Return the folder with the user's own files: DVC_ROOT, which DVC sets also in an experiment's copy."""
    return Path(os.environ.get("DVC_ROOT", ""))


@contextmanager
def outputs(inputs: Inputs | None = None) -> Iterator[Callable[[Path], Path]]:
    """Write all outputs of a stage, or none; one stage at a time in a workspace.

    Yields a function that takes the path of an output and returns the path to write it to, in the same folder and with
    the same suffix. The outputs get their names when the block ends, after `Inputs.check` (for a tool, `inputs` is
    None). If the block or the check fails, the previous outputs stay.
    """
    unfinished: dict[Path, Path] = {}

    def begin(path: Path) -> Path:
        if path.is_dir():
            raise ProjectError(f"{path}: a folder, expected a file; move the folder away")
        path.parent.mkdir(parents=True, exist_ok=True)
        return unfinished.setdefault(path, path.with_name(f"{UNFINISHED}{path.name}"))

    # A stage goes on when `dvc` is killed. The operating system releases the lock when the stage ends.
    with acquire(FileLock(LOCK), "another stage is running in this workspace: waiting for it to end"):
        try:
            yield begin
            stop_if_signalled()
            if inputs:
                inputs.check({path for path, temporary in unfinished.items() if temporary.exists()})
            _rename(unfinished)
        finally:
            for temporary in unfinished.values():
                temporary.unlink(missing_ok=True)


def _rename(unfinished: dict[Path, Path]) -> None:
    """Rename all outputs, and ignore signals meanwhile."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for path, temporary in unfinished.items():
            temporary.replace(path)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)

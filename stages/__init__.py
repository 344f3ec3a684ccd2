"""What must be done before Python reads any other of our sources."""

import hashlib
import sys
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent

# What the sources are that DVC may look at: see `base/inputs.py`.
SOURCES = {
    path.relative_to(ROOT).as_posix(): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    for package in ("stages", "study")
    for path in (ROOT / package).rglob("*")
    if path.suffix in (".py", ".html", ".css", ".md") and path.is_file()  # an editor's lock may be a link to nothing
}


def _interrupted(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Ctrl-C while modules are still being imported, before `process.run`, is one line too."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped by SIGINT", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


if sys.argv[0] == "-m":  # as Python has it while it looks for `python -m stages.train`: a program, no library
    sys.excepthook = _interrupted

"""What the sources are, noted before Python reads any of them: see `core/inputs.py`."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SOURCES = {
    path.relative_to(ROOT).as_posix(): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    for package in ("stages", "study")
    for path in (ROOT / package).rglob("*.py")
    if path.is_file()  # an editor's lock may be a link to nothing
}

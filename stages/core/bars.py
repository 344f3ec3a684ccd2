"""Progress bars over bytes: on a terminal only, and gone once all is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

# disable=None: where standard error is no terminal
OPTIONS = {"unit": "B", "unit_scale": True, "leave": False, "disable": None}


@contextmanager
def open_with_bar(path: Path) -> Iterator[BinaryIO]:
    """A file to read, with a bar that shows how much of it has been."""
    with (
        path.open("rb") as file,
        tqdm.wrapattr(file, "read", total=path.stat().st_size, desc=f"reading {path.name}", **OPTIONS) as counted,
    ):
        yield counted


class DownloadBar(tqdm):
    """A bar for pooch, which sets the total once the server has said it."""

    def __init__(self, name: str) -> None:
        super().__init__(desc=name, **OPTIONS)

    def __bool__(self) -> bool:
        """Pooch means: whether it is a bar. To tqdm it would be whether its total is more than nothing."""
        return True

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


def download_bar(name: str) -> tqdm:
    """A bar for pooch, which sets its total once the server has said it; to pooch, one without a total is none."""
    return tqdm(total=1, desc=name, delay=0.01, **OPTIONS)  # delay: no 0 of 1 byte before that

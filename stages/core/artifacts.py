"""The files that stages hand to each other. Equal contents give equal bytes: no times, no paths."""

import csv
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.core.errors import UserError


class Images(NamedTuple):
    """Labelled images, and the names of the classes."""

    images: np.ndarray  # uint8 [n, height, width], raw pixels, 0..255
    labels: np.ndarray  # uint8 [n], positions in `classes`
    classes: np.ndarray  # str [number of classes]


def save_images(path: Path, data: Images) -> None:
    """Write an .npz archive; uncompressed, since zlib's output differs between its versions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **data._asdict())


def load_images(path: Path) -> Images:
    """Read what `save_images` wrote.

    Raises:
        UserError: the file is absent or not such an archive.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return Images(*(archive[name] for name in Images._fields))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not a file of prepared images ({error}); `dvc repro prepare` makes it") from error


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; a NaN or infinity is refused with ValueError, since no JSON reader need take it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a header; floats with all their digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def load_csv(path: Path) -> list[dict[str, str]]:
    """Read a table as one mapping a row."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))

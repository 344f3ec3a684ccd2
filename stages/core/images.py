"""Labelled images, and the file that stages hand them over in."""

import math
import mmap
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.core.artifacts import unusable


class Images(NamedTuple):
    """Labelled images, and the names of the classes."""

    images: np.ndarray  # uint8 [n, height, width], in colour [n, height, width, 3]; raw pixels, 0..255
    labels: np.ndarray  # uint8 [n], positions in `classes`
    classes: np.ndarray  # str [number of classes]


def check_images(data: Images) -> Images:
    """Return `data` if its arrays fit together.

    Raises:
        ValueError: no images, not one label an image, or a label without a class.
    """
    images, labels, classes = data
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)) or images.dtype != np.uint8:
        raise ValueError(f"images are {images.dtype} {images.shape}, expected uint8 [n, height, width] or [..., 3]")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images but labels {labels.shape}")
    if not images.size:
        raise ValueError("no images")
    if labels.max() >= len(classes):
        raise ValueError(f"label {labels.max()}, expected 0 to {len(classes) - 1}")
    return data


def save_images(path: Path, data: Images) -> None:
    """Write an .npz archive; uncompressed, since zlib's output differs between its versions."""
    np.savez(path, **data._asdict())


def load_images(path: Path) -> Images:
    """Read what `save_images` wrote.

    Each array begins where a page of memory does, so that TensorFlow can use it as it is: what NumPy allocates for
    itself it would have to copy (see `backend.without_copy`).

    Raises:
        UserError: the file is absent, not such an archive, or its arrays do not fit together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return check_images(Images(*(_read_array(archive, name) for name in Images._fields)))
    except (OSError, EOFError, ValueError, KeyError, OverflowError, zipfile.BadZipFile) as error:
        raise unusable(path, error) from error


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name}: .npy format {version}, expected (1, 0)")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if fortran_order:
            raise ValueError(f"{name}: in Fortran's order")
        size = math.prod(shape) * dtype.itemsize
        pages = mmap.mmap(-1, max(size, 1))
        while chunk := file.read(2**20):
            pages.write(chunk)
        if pages.tell() != size:
            raise ValueError(f"{name}: {pages.tell()} bytes, expected {size}")
        return np.frombuffer(pages, dtype, math.prod(shape)).reshape(shape)

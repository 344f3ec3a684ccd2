"""Labelled images, the file that stages hand them over in, and what is odd about some."""

import hashlib
import io
import math
import mmap
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.files import Written, load, unusable


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
    """Write an .npz archive: equal images give equal bytes with every Python.

    Not by `np.savez`, of which zipfile writes other headers from one patch release to the next (Python 3.11.2 and
    3.11.7). Uncompressed, since zlib's output differs between its versions.
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in data._asdict().items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())  # ZipInfo's own date: 1980-01-01


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


def also_among(images: np.ndarray, others: np.ndarray) -> list[tuple[int, int]]:
    """Those images that `others` hold too, pixel for pixel: the positions of each, and of the first like it.

    Args:
        images: uint8 [n, ...].
        others: uint8 [k, ...].
    """
    first: dict[bytes, int] = {}
    for number, image in enumerate(others):
        first.setdefault(_digest(image), number)
    found = ((number, first.get(_digest(image))) for number, image in enumerate(images))
    return [(number, other) for number, other in found if other is not None]


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest()


def classes_without(data: Images) -> list[str]:
    """The classes of which there is no image."""
    counts = np.bincount(data.labels, minlength=len(data.classes))  # [classes]
    return data.classes[counts == 0].tolist()


class Counts(Written):
    """How many images there are: metrics/data.json."""

    dataset: str
    classes: int
    train: int
    val: int
    test: int
    test_in_training: int  # test images that are among those for training or validation too
    left_out: int  # files that are no picture of a class


class Counted(Counts):
    """And what the test images themselves say."""

    most_frequent: int  # test images of the class that has most of them
    untested: list[str]  # the classes that have none


def counted(path: Path, test: Images) -> Counted:
    """What that file says, held against the test images.

    Raises:
        UserError: it is of other images.
    """
    counts = load(path, Counts)
    if (counts.classes, counts.test) != (len(test.classes), len(test.labels)):
        raise unusable(path, "its images are not those of data/prepared/test.npz")
    return Counted(
        **counts.model_dump(), most_frequent=int(np.bincount(test.labels).max()), untested=classes_without(test)
    )

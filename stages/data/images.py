"""Labelled images, the file that stages hand them over in, and what is odd about some."""

import hashlib
import io
import math
import mmap
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.files import Written, load, unusable


class Images(NamedTuple):
    """Labelled images, and the names of the classes."""

    images: "np.ndarray | Rows"  # uint8 [n, height, width], in colour [n, height, width, 3]; raw pixels, 0..255
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


def chosen(data: Images, rows: np.ndarray) -> Images:
    """Some of the images, in the order of `rows`, int [k]; pixels are read when they are asked for."""
    return Images(Rows(data.images, rows), data.labels[rows], data.classes)


class Rows:
    """Some rows of an array that memory may not hold: what is indexed is read, and no more."""

    def __init__(self, array: "np.ndarray | Rows", rows: np.ndarray) -> None:
        inside = isinstance(array, Rows)
        self.array, self.rows = (array.array, array.rows[rows]) if inside else (array, rows)
        self.dtype, self.ndim = self.array.dtype, self.array.ndim
        self.shape = (len(self.rows), *self.array.shape[1:])
        self.size = math.prod(self.shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: slice) -> np.ndarray:
        return self.array[self.rows[key]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (row for block in blocks(self) for row in block)


AT_ONCE = 2**24  # bytes of an array that are in memory at a time


def blocks(array: np.ndarray | Rows) -> Iterator[np.ndarray]:
    """The rows of an array in their order, as many at a time as memory is sure to hold."""
    step = max(1, AT_ONCE // max(1, array.dtype.itemsize * math.prod(array.shape[1:])))
    return (array[start : start + step] for start in range(0, len(array), step))


LARGE = 2**30  # bytes from which on a member is given room for more than 4 GB
HEADER, ROOM = 30, 20  # bytes of a member's header, without its name, and of that room
ALIGNMENT = 64  # bytes: where an array begins in the file, so that TensorFlow can use it in its place
ALIGNING = 0xD935  # the extra field of a ZIP archive for that, Android's


def save_images(path: Path, data: Images) -> None:
    """Write an .npz archive: equal images give equal bytes with every Python.

    Not by `np.savez`, of which zipfile writes other headers from one patch release to the next (Python 3.11.2 and
    3.11.7). Uncompressed, since zlib's output differs between its versions, and so that `load_images` can map it.
    """
    path.unlink(missing_ok=True)  # not written over: who has a map of it, the images to be saved perhaps, keeps that
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in data._asdict().items():
            header = io.BytesIO()
            fields = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
            np.lib.format.write_array_header_1_0(header, fields)  # as long as a multiple of 64
            info = zipfile.ZipInfo(f"{name}.npy")  # its own date: 1980-01-01
            info.file_size = header.tell() + array.dtype.itemsize * array.size
            large = info.file_size > LARGE
            info.extra = _aligning(archive.fp.tell() + HEADER + len(info.filename) + (ROOM if large else 0))
            with archive.open(info, "w", force_zip64=large) as file:
                file.write(header.getvalue())
                for block in blocks(array):
                    file.write(np.ascontiguousarray(block).data.cast("B"))


def _aligning(offset: int) -> bytes:
    """The extra field by which a member that would begin at an offset begins where it should."""
    padding = -(offset + 6) % ALIGNMENT
    return struct.pack("<HHH", ALIGNING, 2 + padding, ALIGNMENT) + bytes(padding)


def load_images(path: Path) -> Images:
    """Read what `save_images` wrote: the arrays are private maps of the file, which may be larger than memory.

    Raises:
        UserError: the file is absent, not such an archive, or its arrays do not fit together.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # read-only ones TensorFlow would copy
            return check_images(Images(*(_mapped(pages, archive, name) for name in Images._fields)))
    except (OSError, EOFError, ValueError, KeyError, OverflowError, zipfile.BadZipFile) as error:
        raise unusable(path, error) from error


def _mapped(pages: mmap.mmap, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name}: compressed, expected not to be")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{name}: .npy format {version}, expected (1, 0)")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if fortran_order:
            raise ValueError(f"{name}: in Fortran's order")
        header = file.tell()
        while file.read(AT_ONCE):  # for its checksum: a map has none
            pass
        size = math.prod(shape) * dtype.itemsize
        if file.tell() != header + size:
            raise ValueError(f"{name}: {file.tell() - header} bytes, expected {size}")
    lengths = struct.unpack_from("<HH", pages, info.header_offset + 26)  # of the name and of the extra field
    begin = info.header_offset + HEADER + sum(lengths) + header
    return np.frombuffer(pages, dtype, math.prod(shape), begin).reshape(shape)


def also_among(images: "np.ndarray | Rows", others: "np.ndarray | Rows") -> list[tuple[int, int]]:
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

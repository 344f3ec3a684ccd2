"""Labelled images, and the .npy files that one stage writes and the next one reads."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.files import JsonFile, load_json, save_json, unusable

PREPARED = Path("data/prepared")
AT_ONCE = 2**24  # bytes of images in memory while a file is written


class Images(NamedTuple):
    """Labelled images and the names of the classes."""

    images: np.ndarray  # uint8 [n, height, width], in colour [n, height, width, 3]; raw pixels, 0 to 255
    labels: np.ndarray  # uint8 [n], positions in `classes`
    classes: np.ndarray  # str [number of classes]


class Dataset(NamedTuple):
    """The images for training (and validation) and those for test."""

    train: Images
    test: Images
    test_files: Sequence[Path] = ()  # the file of each test image, in a folder of pictures
    left_out: int = 0  # files that are not a picture of a class


def check_images(data: Images) -> Images:
    """Return `data` if its arrays fit together.

    Raises:
        ValueError: an array has another type or shape, is empty, or has a label without a class.
    """
    images, labels, classes = data
    if images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)) or images.dtype != np.uint8:
        raise ValueError(f"images are {images.dtype} {images.shape}, expected uint8 [n, height, width] or [..., 3]")
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
        raise ValueError(f"{len(images)} images, but labels are {labels.dtype} {labels.shape}, expected uint8 [n]")
    if not images.size:
        raise ValueError("no images")
    if labels.max() >= len(classes):
        raise ValueError(f"label {labels.max()}, expected 0 to {len(classes) - 1}")
    return data


def save_images(folder: Path, part: str, data: Images, rows: np.ndarray, begin: Callable[[Path], Path] = Path) -> None:
    """Write these rows of the images, int [k], as the part "train", "val" or "test", and the names of the classes.

    The images may be a map of a file larger than memory. `begin` returns the path to write for the path of an output.
    """
    _save_rows(begin(folder / f"{part}_images.npy"), data.images, rows)
    _save_rows(begin(folder / f"{part}_labels.npy"), data.labels, rows)
    save_json(begin(folder / "classes.json"), {"classes": data.classes.tolist()})


def _save_rows(path: Path, array: np.ndarray, rows: np.ndarray) -> None:
    # Write the bytes of `numpy.save(path, array[rows])` block by block. On a full disk, a write to a memory map of the
    # file (`open_memmap`) would kill the process.
    shape = (len(rows), *array.shape[1:])
    header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": shape}
    step = max(1, AT_ONCE // array[:1].nbytes)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), step):
            file.write(np.ascontiguousarray(array[rows[start : start + step]]))


def load_images(folder: Path, part: str) -> Images:
    """Read what `save_images` wrote.

    Returns:
        Arrays that map their files, so they may be larger than memory. Changes stay in this process: TensorFlow uses
        such an array in place and copies a read-only one.

    Raises:
        UserError: a file is missing or damaged, or the arrays do not fit together.
    """
    classes = np.array(load_json(folder / "classes.json", dict[str, list[str]])["classes"])
    arrays = {}
    try:
        for name in ("labels", "images"):  # in this order, because the error below names the last file read
            path = folder / f"{part}_{name}.npy"
            arrays[name] = np.asarray(np.lib.format.open_memmap(path, mode="c"))
        return check_images(Images(**arrays, classes=classes))
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error


def classes_without(labels: np.ndarray, classes: np.ndarray) -> list[str]:
    """Return the classes without a label."""
    return classes[np.bincount(labels, minlength=len(classes)) == 0].tolist()


class Counts(JsonFile):
    """The numbers of images: metrics/data.json."""

    dataset: str
    classes: int
    train: int
    val: int
    test: int
    test_in_training: int  # test images that are also among those for training or validation
    left_out: int  # files that are not a picture of a class

"""The data sets: each is a function that returns a `Dataset`, and a case of `load_dataset`."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.errors import UserError, one_line
from stages.base.imports import without
from stages.base.params import DataParams
from stages.data.idx import read_idx
from stages.data.image_folder import check_test_size, list_images
from stages.data.images import Images, check_images, chosen
from stages.data.pictures import read_pictures
from stages.data.raw_files import fetch, read_registry

with without("pandas"):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

logger = logging.getLogger(__name__)

SCRATCH = Path("data/prepared/train.npz").parent  # where there is room for the images once more


class Dataset(NamedTuple):
    """What a data set's author calls training data, and the test data that stays untouched till the end."""

    train: Images
    test: Images
    train_files: Sequence[Path] = ()  # of each image, where they come from files
    test_files: Sequence[Path] = ()
    left_out: int = 0  # files that are no picture of a class


def fashion_mnist() -> Dataset:
    """The original four files (Xiao et al. 2017, arXiv:1708.07747): 60,000 and 10,000 images of 28 x 28.

    Raises:
        DataUnreachable: a file is neither here nor to be had.
        UserError: a file's contents are not what the registry and the format say.
    """
    registry = read_registry()
    paths = fetch(registry)
    classes = np.array(registry.classes)

    def read(part: str) -> Images:
        images, labels = paths[f"{part}_images"], paths[f"{part}_labels"]
        try:
            return check_images(Images(read_idx(images, 3), read_idx(labels, 1), classes))
        except ValueError as error:
            raise UserError(f"{images}, {labels.name}: {error}") from error

    return Dataset(read("train"), read("test"))


def digits() -> Dataset:
    """scikit-learn's embedded 8 x 8 digits (1,797 images), their 0..16 stretched to 0..255. No network.

    They come without a test set; a fifth, the same whatever the parameters, stands in for it.
    """
    data = load_digits()
    images = np.rint(data.images * (255 / 16)).astype(np.uint8)  # [n, 8, 8]
    labels = data.target.astype(np.uint8)  # [n]
    classes = np.array([str(name) for name in data.target_names])
    train, test, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    return Dataset(Images(train, train_labels, classes), Images(test, test_labels, classes))


def image_folder(
    folder: Path, *, image_size: int, color_mode: str, test_size: float, split_seed: int, skip_unreadable: bool
) -> Dataset:
    """A folder of PNG, JPEG, BMP or WebP files, a folder for each class in it, or in train/ and test/ in it.

    Args:
        folder: the folder. The names of the classes are those of their folders, in sorted order.
        image_size: the side in pixels to which each picture is stretched.
        color_mode: "grayscale" or "rgb".
        test_size: where there are no train/ and test/: the share of each class that is split off for test.
        split_seed: decides that split.
        skip_unreadable: leave out what is no picture, and say so; else it is an error.

    Raises:
        UserError: the folder is not such a one; or files cannot be read, each of which was named.
    """
    parts, left_out = _read_parts(folder, image_size, color_mode, skip_unreadable)
    if "" in parts:
        data, paths = parts[""]
        numbers, counts = np.arange(len(paths)), np.bincount(data.labels)
        if counts.min() < 2:
            raise UserError(f"{folder / data.classes[counts.argmin()]}: one picture alone, so none is left for test")
        try:
            rows = train_test_split(numbers, test_size=test_size, random_state=split_seed, stratify=data.labels)
        except ValueError as error:
            raise UserError(f"{folder}: test_size {test_size} of {len(paths)} pictures: {one_line(error)}") from error
        _check_shares(folder, data, test_size, *rows)
        parts = {part: _rows(data, paths, chosen) for part, chosen in zip(("train", "test"), rows, strict=True)}
    (train, train_files), (test, test_files) = parts["train"], parts["test"]
    return Dataset(train, test, train_files.tolist(), test_files.tolist(), left_out)


Part = tuple[Images, np.ndarray]  # images, and their files


def _read_parts(folder: Path, image_size: int, color_mode: str, skip_unreadable: bool) -> tuple[dict[str, Part], int]:
    """What can be read of the parts that `list_images` finds, and how many files cannot."""
    listed = list_images(folder)
    shape = (image_size, image_size, 3) if color_mode == "rgb" else (image_size, image_size)
    unreadable = [f"{path}: not in the folder of a class" for path in listed.strays]
    parts = {}
    for name, (files, labels) in listed.parts.items():
        images, faults = read_pictures(files, shape, scratch=SCRATCH)
        unreadable += [f"{files[number]}: {fault}" for number, fault in faults.items()]
        part = Images(images, np.array(labels, np.uint8), np.array(listed.classes)), np.array(files, object)
        parts[name] = _rows(*part, np.delete(np.arange(len(files)), list(faults))) if faults else part
    for line in unreadable:
        logger.warning("%s", line)
    if unreadable and not skip_unreadable:
        count = "1 file is no picture" if len(unreadable) == 1 else f"{len(unreadable)} files are no pictures"
        raise UserError(
            f"{folder}: {count} of a class, named above; take them away, or leave them out by skip_unreadable: true"
        )
    for name, (data, _) in parts.items():
        counts = np.bincount(data.labels, minlength=len(listed.classes))
        if not counts.all():
            raise UserError(f"{folder / name / listed.classes[counts.argmin()]}: no picture that can be read")
    return parts, len(unreadable)


def _rows(data: Images, paths: np.ndarray, rows: np.ndarray) -> Part:
    return chosen(data, rows), paths[rows]


def _check_shares(folder: Path, data: Images, test_size: float, train: np.ndarray, test: np.ndarray) -> None:
    """Raise UserError if a class has no picture in one of the parts, whose rows these are."""
    counts = np.bincount(data.labels)

    def without(rows: np.ndarray) -> tuple[str, int] | None:
        # scikit-learn rounds the share of a small class to none or to all. The smallest is named: what is enough for
        # it is enough for all.
        lacking = np.setdiff1d(data.labels, data.labels[rows])
        if not len(lacking):
            return None
        label = lacking[counts[lacking].argmin()]
        return f"{folder / data.classes[label]}: test_size {test_size}", int(counts[label])

    if found := without(test):
        where, count = found
        enough = f"{math.ceil(1 / test_size)} pictures, or test_size: {math.ceil(100 / count) / 100}"
        raise UserError(f"{where} takes none of its {count} pictures for test; enough: {enough}")
    if found := without(train):
        where, count = found
        raise UserError(f"{where} leaves none of its {count} pictures for training; enough: test_size: 0.5")


def load_dataset(params: DataParams) -> Dataset:
    """The data set that the parameters name.

    Raises:
        DataUnreachable: it cannot be had.
        UserError: it is not what it should be.
        ValueError: the arrays of a new data set do not fit together.
    """
    match params.dataset:
        case "fashion_mnist":
            dataset = fashion_mnist()
        case "digits":
            dataset = digits()
        case "images":
            check_test_size(Path(params.image_dir), params.test_size)
            dataset = image_folder(
                Path(params.image_dir),
                image_size=params.image_size,
                color_mode=params.color_mode,
                test_size=params.test_size,
                split_seed=params.split_seed,
                skip_unreadable=params.skip_unreadable,
            )
    for part in (dataset.train, dataset.test):
        if part.labels.dtype != np.uint8:
            raise ValueError(f"labels are {part.labels.dtype}, expected uint8")
        check_images(part)
    return dataset


def head(data: Images, limit: int | None) -> Images:
    """The first `limit` images, or all for None."""
    return chosen(data, np.arange(len(data.labels))[:limit])


def split(data: Images, val_size: float, seed: int) -> tuple[Images, Images]:
    """Split off a share `val_size` for validation, by scikit-learn's `train_test_split` as in the notes."""
    train, val = train_test_split(np.arange(len(data.labels)), test_size=val_size, random_state=seed)  # not the images
    return chosen(data, train), chosen(data, val)

"""The data sets: each is a function that returns a `Dataset`, entered in `LOADERS`."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from stages.core.errors import UserError
from stages.core.fetch import fetch, read_registry
from stages.core.idx import read_idx
from stages.core.images import Images, check_images


class Dataset(NamedTuple):
    """What a data set's author calls training data, and the test data that stays untouched till the end."""

    train: Images
    test: Images


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
    classes = data.target_names.astype(str)
    train, test, train_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, random_state=0, stratify=labels
    )
    return Dataset(Images(train, train_labels, classes), Images(test, test_labels, classes))


LOADERS: dict[str, Callable[[], Dataset]] = {"fashion_mnist": fashion_mnist, "digits": digits}


def first(data: Images, limit: int | None) -> Images:
    """The first `limit` images, or all for None."""
    return Images(data.images[:limit], data.labels[:limit], data.classes)


def split(data: Images, val_size: float, seed: int) -> tuple[Images, Images]:
    """Split off a share `val_size` for validation, by scikit-learn's `train_test_split` as in the notes."""
    train, val, train_labels, val_labels = train_test_split(
        data.images, data.labels, test_size=val_size, random_state=seed
    )
    return Images(train, train_labels, data.classes), Images(val, val_labels, data.classes)

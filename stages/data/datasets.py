"""The data sets, each a function that returns a `Dataset` and a case of `load_dataset`; the split for validation."""

import numpy as np

from stages.base.errors import UserError
from stages.base.imports import skip_imports
from stages.base.params import PARAMS_FILE, DataParams
from stages.data.image_folder import image_folder
from stages.data.images import Dataset, Images, check_images
from stages.data.raw_files import SAMPLE, fetch, find, read_files, read_registry

with skip_imports("pandas"):
    from sklearn.model_selection import train_test_split


def fashion_mnist() -> Dataset:
    """Read the original four files (Xiao et al. 2017, arXiv:1708.07747): 60,000 and 10,000 images of 28 x 28."""
    registry = read_registry()
    return read_files(fetch(registry), registry.classes)


def sample() -> Dataset:
    """Read the sample in the repository: the first 6,000 and 1,000 images of Fashion-MNIST. It needs no network."""
    registry = read_registry()
    paths = {role: find(file, [SAMPLE]) for role, file in registry.sample.items()}
    if None in paths.values():
        raise UserError(f"{SAMPLE}: a file is missing; to restore it: git checkout HEAD -- {SAMPLE}")
    return read_files(paths, registry.classes)


def load_dataset(params: DataParams) -> Dataset:
    """Read the data set that the parameters name.

    Raises:
        DataUnreachable: the raw files are not on this machine and cannot be downloaded.
        UserError: the raw files or pictures are damaged.
        ValueError: the arrays do not fit together.
    """
    match params.dataset:
        case "fashion_mnist":
            dataset = fashion_mnist()
        case "sample":
            dataset = sample()
        case "images":
            dataset = image_folder(params)
    check_images(dataset.train)
    check_images(dataset.test)
    return dataset


def head(data: Images, limit: int | None) -> Images:
    """Return the first `limit` images, or all for None."""
    return Images(data.images[:limit], data.labels[:limit], data.classes)


def split(images: int, val_size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows for training, int [n], and those for validation, of this many images, as in the notes."""
    try:
        return train_test_split(np.arange(images), test_size=val_size, random_state=seed)
    except ValueError:
        raise UserError(
            f"{PARAMS_FILE}: val_size: must leave an image for training, got {val_size} of {images} images"
        ) from None

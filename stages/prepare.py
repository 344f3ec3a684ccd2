"""Get the raw data, validate it, split off validation images. Pixels keep their values: the model scales them."""

import hashlib
from pathlib import Path

import numpy as np

from stages.base.errors import UserError, one_line
from stages.base.files import save_json
from stages.base.inputs import PREPARED_WITH, Inputs
from stages.base.params import PARAMS_FILE
from stages.base.process import outputs, run
from stages.data.datasets import head, load_dataset, split
from stages.data.images import PREPARED, Counts, Dataset, classes_without, save_images

NAMED = 10  # duplicate images: more are only counted


def also_among(images: np.ndarray, others: np.ndarray) -> list[tuple[int, int]]:
    """Find the images that are also among others, pixel for pixel.

    Args:
        images: uint8 [n, ...].
        others: uint8 [k, ...].

    Returns:
        The row of each such image, and the row of the first of the others that equals it.
    """
    rows: dict[bytes, int] = {}
    for row, image in enumerate(others):
        rows.setdefault(_digest(image), row)
    return [(row, rows[digest]) for row, digest in enumerate(map(_digest, images)) if digest in rows]


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest()


def report(dataset: Dataset, missing: dict[str, list[str]], duplicates: list[tuple[int, int]]) -> None:
    """Print a line for each problem with the images.

    Args:
        dataset: all images.
        missing: the classes without images, by part.
        duplicates: the rows of the test images that are also among the training images, and their rows there.
    """
    for part, names in missing.items():
        if names:
            print(one_line(f"classes without {part} images: {', '.join(names)}"))
    if dataset.left_out:
        print(f"files left out, named above, because they are not pictures of a class: {dataset.left_out}")
    if duplicates:
        print(f"test images that are also among the training images, pixel for pixel: {len(duplicates)}")
    if dataset.test_files:
        for test, training in duplicates[:NAMED]:
            print(f"  {dataset.test_files[test]} = {dataset.train_files[training]}")


def main() -> None:
    """Read the raw files or pictures; write data/prepared/ and metrics/data.json."""
    inputs = Inputs("prepare")
    params = inputs.params
    dataset = load_dataset(params)
    training, test = head(dataset.train, params.limit), head(dataset.test, params.limit)
    train_rows, val_rows = split(len(training.labels), params.val_size, params.split_seed)
    parts = {"train": (training, train_rows), "val": (training, val_rows), "test": (test, np.arange(len(test.labels)))}
    missing = {name: classes_without(data.labels[rows], data.classes) for name, (data, rows) in parts.items()}
    if missing["train"] and params.limit is None:  # a limit is for smoke runs
        raise UserError(
            f"{PARAMS_FILE}: val_size: must leave an image of each class for training, got {params.val_size}, which "
            f"with split_seed {params.split_seed} leaves none of {missing['train'][0]}; add pictures of it, or try "
            "another split_seed"
        )
    duplicates = also_among(test.images, training.images)
    sizes = {name: len(rows) for name, (_, rows) in parts.items()}
    counts = Counts(
        dataset=params.dataset,
        classes=len(training.classes),
        **sizes,
        test_in_training=len(duplicates),
        left_out=dataset.left_out,
    )
    with outputs(inputs) as begin:
        for name, (data, rows) in parts.items():
            save_images(PREPARED, name, data, rows, begin)
        save_json(begin(PREPARED_WITH), inputs.used())
        save_json(begin(Path("metrics/data.json")), counts.model_dump())
    print(f"{params.dataset}: " + ", ".join(f"{count} {name}" for name, count in sizes.items()) + " images")
    report(dataset, missing, duplicates)


if __name__ == "__main__":
    run(main)

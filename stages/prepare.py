"""Get the raw data, validate it, split off validation images. Pixels keep their values: the model scales them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.base.files import save_json
from stages.base.inputs import PREPARED_WITH, Inputs
from stages.base.params import PARAMS_FILE
from stages.base.process import outputs, run
from stages.data.datasets import also_among, head, load_dataset, split
from stages.data.images import PREPARED, Counts, Dataset, classes_without, save_images

NAMED = 10  # classes without images, duplicate images: more are only counted

CONSEQUENCE = {  # of a class without images, by part
    "train": "without training images, so they cannot be learned",
    "val": "without validation images, so validation loss and accuracy do not cover them",
    "test": "without test images, so they have no score and are in no mean",
}


def remarks(dataset: Dataset, missing: dict[str, list[str]], duplicates: list[tuple[int, int]]) -> Iterator[str]:
    """Yield a line for each problem with the images.

    Args:
        dataset: all images.
        missing: the classes without images, by part.
        duplicates: the rows of the test images that are also among the training images, and their rows there.
    """
    for part, names in missing.items():
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"classes {CONSEQUENCE[part]}: {', '.join(names[:NAMED])}{more}"
    if dataset.left_out:
        yield f"files left out, named above, since they are not pictures of a class: {dataset.left_out}"
    if duplicates:
        yield f"test images that are also among the training images, pixel for pixel: {len(duplicates)}"
    if dataset.test_files:
        for test, training in duplicates[:NAMED]:
            yield f"  {dataset.test_files[test]} = {dataset.train_files[training]}"
        if len(duplicates) > NAMED:
            yield "  ..."


def main() -> None:
    """Read the raw files or pictures; write data/prepared/ and metrics/data.json."""
    inputs = Inputs("prepare")
    params = inputs.params
    dataset = load_dataset(params)
    try:
        params.check_split(len(dataset.train.labels))
    except ValueError as error:
        raise UserError(f"{PARAMS_FILE}: {error}") from None
    training, test = head(dataset.train, params.limit), head(dataset.test, params.limit)
    train_rows, val_rows = split(len(training.labels), params.val_size, params.split_seed)
    parts = {"train": (training, train_rows), "val": (training, val_rows), "test": (test, np.arange(len(test.labels)))}
    missing = {name: classes_without(data.labels[rows], data.classes) for name, (data, rows) in parts.items()}
    if missing["train"] and params.limit is None:  # a limit is for smoke runs
        another_seed_can_help = len(train_rows) >= len(training.classes)
        advice = "add pictures of it" + (", or try another split_seed" if another_seed_can_help else "")
        raise UserError(
            f"{PARAMS_FILE}: val_size: must leave an image of each class for training, got {params.val_size}, which "
            f"with split_seed {params.split_seed} leaves none of {missing['train'][0]}; {advice}"
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
    for line in remarks(dataset, missing, duplicates):
        print(line)


if __name__ == "__main__":
    run(main)

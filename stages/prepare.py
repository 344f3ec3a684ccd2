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
from stages.data.images import PREPARED, Counts, classes_without, save_images

NAMED = 10  # duplicate images: more are only counted


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


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
    in_training = {_digest(image) for image in training.images}
    duplicates = [row for row, image in enumerate(test.images) if _digest(image) in in_training]
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
    for part, names in missing.items():
        if names:
            print(one_line(f"classes without {part} images: {', '.join(names)}"))
    if dataset.left_out:
        print(f"files left out, named above, because they are not pictures of a class: {dataset.left_out}")
    if duplicates:
        print(f"test images that are also among the training images, pixel for pixel: {len(duplicates)}")
        for path in [dataset.test_files[row] for row in duplicates[:NAMED] if dataset.test_files]:
            print(f"  {path}")


if __name__ == "__main__":
    run(main)

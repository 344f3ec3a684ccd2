"""Get the raw data, validate it, split off validation images. Pixels stay as they are: the model scales them."""

from collections.abc import Iterator
from pathlib import Path

from stages.base.errors import UserError
from stages.base.files import save_json
from stages.base.inputs import Inputs
from stages.base.params import PARAMS_FILE
from stages.base.process import outputs, run
from stages.data.datasets import Dataset, head, load_dataset, split
from stages.data.images import Counts, also_among, classes_without, save_images

PREPARED = {
    "train": Path("data/prepared/train.npz"),
    "val": Path("data/prepared/val.npz"),
    "test": Path("data/prepared/test.npz"),
}
NAMED = 10  # of the test images that are training images too, of the classes that have no image

WITHOUT = {  # images of a part: what that does to a class
    "train": "without training images, so they cannot be learned",
    "val": "without validation images, so loss and accuracy there say nothing of them",
    "test": "without test images, so they have no score and are in no mean",
}


def remarks(dataset: Dataset, without: dict[str, list[str]], twice: list[tuple[int, int]]) -> Iterator[str]:
    """What is odd about the images, a line each.

    Args:
        dataset: all images.
        without: the classes that have no images in a part, by part.
        twice: the test images that are among those for training too, and which these are.
    """
    for part, names in without.items():
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"classes {WITHOUT[part]}: {', '.join(names[:NAMED])}{more}"
    if dataset.left_out:
        yield f"left out, since they are no pictures of a class: {dataset.left_out}, named above"
    if twice:
        yield f"test images that are also among those for training, pixel for pixel: {len(twice)}"
    if dataset.test_files:
        yield from (f"  {dataset.test_files[number]} = {dataset.train_files[other]}" for number, other in twice[:NAMED])
        if len(twice) > NAMED:
            yield "  ..."


def main() -> None:
    """Raw files -> data/prepared/{train,val,test}.npz, metrics/data.json."""
    inputs = Inputs("prepare")
    params = inputs.params
    dataset = load_dataset(params)
    try:
        params.training_images(len(dataset.train.labels))
    except ValueError as error:
        raise UserError(f"{PARAMS_FILE}: {error}") from None
    for_training = head(dataset.train, params.limit)
    train, val = split(for_training, params.val_size, params.split_seed)
    parts = {"train": train, "val": val, "test": head(dataset.test, params.limit)}
    without = {name: classes_without(part) for name, part in parts.items()}
    if without["train"] and params.limit is None:  # of a smoke run nobody expects that much
        raise UserError(
            f"{PARAMS_FILE}: val_size: must leave an image of each class for training, got {params.val_size}, which "
            f"with split_seed {params.split_seed} leaves none of {without['train'][0]}; try another split_seed"
        )
    twice = also_among(parts["test"].images, for_training.images)
    sizes = {name: len(part.labels) for name, part in parts.items()}
    counts = Counts(
        dataset=params.dataset,
        classes=len(train.classes),
        **sizes,
        test_in_training=len(twice),
        left_out=dataset.left_out,
    )
    with outputs(inputs.stop_if_changed) as begin:
        for name, part in parts.items():
            save_images(begin(PREPARED[name]), part)
        save_json(begin(Path("data/prepared/inputs.json")), inputs.record())
        save_json(begin(Path("metrics/data.json")), counts.model_dump())
    print(f"{params.dataset}: " + ", ".join(f"{count} {name}" for name, count in sizes.items()) + " images")
    for line in remarks(dataset, without, twice):
        print(line)


if __name__ == "__main__":
    run(main)

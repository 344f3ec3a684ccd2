"""Get the raw data, validate it, split off validation images. Pixels stay as they are: the model scales them."""

from pathlib import Path

from stages.core.artifacts import outputs, save_json
from stages.core.counts import classes_without
from stages.core.datasets import first, load, split
from stages.core.duplicates import also_among
from stages.core.errors import UserError, run
from stages.core.images import save_images
from stages.core.inputs import Inputs
from stages.core.params import PARAMS_FILE

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


def main() -> None:
    """Raw files -> data/prepared/{train,val,test}.npz, metrics/data.json."""
    inputs = Inputs("prepare")
    params = inputs.params
    dataset = load(params)
    try:
        params.training_images(len(dataset.train.labels))
    except ValueError as error:
        raise UserError(f"{PARAMS_FILE}: {error}") from None
    for_training = first(dataset.train, params.limit)
    train, val = split(for_training, params.val_size, params.split_seed)
    parts = {"train": train, "val": val, "test": first(dataset.test, params.limit)}
    without = {name: classes_without(part) for name, part in parts.items()}
    if without["train"] and params.limit is None:  # of a smoke run nobody expects that much
        raise UserError(
            f"{PARAMS_FILE}: val_size: must leave an image of each class for training, got {params.val_size}, which "
            f"with split_seed {params.split_seed} leaves none of {without['train'][0]}; try another split_seed"
        )
    counts = {name: len(part.labels) for name, part in parts.items()}
    twice = also_among(parts["test"].images, for_training.images)
    metrics = {"dataset": params.dataset, "classes": len(train.classes), **counts, "test_in_training": len(twice)}
    with outputs(inputs.stop_if_changed) as begin:
        for name, part in parts.items():
            save_images(begin(PREPARED[name]), part)
        save_json(begin(Path("data/prepared/inputs.json")), inputs.record())
        save_json(begin(Path("metrics/data.json")), metrics | {"left_out": dataset.left_out})
    print(f"{params.dataset}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + " images")
    for part, names in without.items():
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            print(f"classes {WITHOUT[part]}: {', '.join(names[:NAMED])}{more}")
    if dataset.left_out:
        print(f"left out, since they are no pictures of a class: {dataset.left_out}, named above")
    if len(twice):
        print(f"test images that are also among those for training, pixel for pixel: {len(twice)}")
        if dataset.test_files:
            for number, other in twice[:NAMED]:
                print(f"  {dataset.test_files[number]} = {dataset.train_files[other]}")
            if len(twice) > NAMED:
                print("  ...")


if __name__ == "__main__":
    run(main)

"""Get the raw data, validate it, split off validation images. Pixels stay as they are: the model scales them."""

from pathlib import Path

from stages.core.artifacts import outputs, save_json
from stages.core.datasets import LOADERS, first, split
from stages.core.errors import run
from stages.core.images import save_images
from stages.core.params import read_params

PREPARED = Path("data/prepared")


def main() -> None:
    """Raw files -> data/prepared/{train,val,test}.npz, metrics/data.json."""
    params = read_params()
    dataset = LOADERS[params.dataset]()
    train, val = split(first(dataset.train, params.limit), params.val_size, params.split_seed)
    parts = {"train": train, "val": val, "test": first(dataset.test, params.limit)}
    counts = {name: len(part.labels) for name, part in parts.items()}
    with outputs() as begin:
        for name, part in parts.items():
            save_images(begin(PREPARED / f"{name}.npz"), part)
        save_json(
            begin(Path("metrics/data.json")), {"dataset": params.dataset, "classes": len(train.classes), **counts}
        )
    print(f"{params.dataset}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + " images")


if __name__ == "__main__":
    run(main)

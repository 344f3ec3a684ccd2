"""Our epochs, as the train stage computes them, by the clock. Prints one line of JSON.

Run in a workspace whose data is prepared: python -m benchmarks.loop --data data/prepared --epochs 10
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

from stages.base.params import read_params
from stages.data.images import Images, load_images
from stages.training.store import StoredEpochs


def first(data: Images, rows: int) -> Images:
    """The first rows. Not by `datasets.head`: scikit-learn, which stands beside that, would count as memory here."""
    return data._replace(images=data.images[:rows], labels=data.labels[:rows])


def main() -> None:
    """Train, print the seconds of each epoch with its validation and callbacks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default="data/prepared", help="(default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="(default: %(default)s)")
    parser.add_argument("--network", help="(default: that of params.yaml)")
    parser.add_argument("--images", type=int, help="the first so many of training and a quarter of them (default: all)")
    arguments = parser.parse_args()
    params = read_params()
    if arguments.network:
        params = params.model_copy(update={"network": arguments.network})
    train, val = load_images(arguments.data / "train.npz"), load_images(arguments.data / "val.npz")
    if arguments.images:
        train, val = first(train, arguments.images), first(val, arguments.images // 4)

    from stages.training.backend import keras
    from stages.training.callbacks import checkpoint
    from stages.training.epochs import epoch_runner, run_epochs
    from stages.training.model import compiled_model

    model = compiled_model(train, params)
    ends: list[float] = []  # of each epoch, checkpoint included; before them the start
    clock = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: ends.append(time.perf_counter()),  # noqa: ARG005
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()),  # noqa: ARG005
    )
    with tempfile.TemporaryDirectory() as folder:
        best_model = checkpoint(Path(folder) / "best-model.keras", params.monitor, params.save_best_only)
        run_epoch = epoch_runner(model, train, val, params.batch_size, params.seed)
        variables = [*model.variables, *model.optimizer.variables]
        with StoredEpochs(run_epoch, variables, "benchmark", Path(folder) / "epochs") as stored:  # empty: all computed
            run_epochs(model, stored, arguments.epochs, [best_model, clock])
    print(
        json.dumps(
            {
                "seconds": [end - start for start, end in itertools.pairwise(ends)],
                "images": len(train.labels) + len(val.labels),
                "data_bytes": sum(array.nbytes for data in (train, val) for array in (data.images, data.labels)),
            }
        )
    )


if __name__ == "__main__":
    main()

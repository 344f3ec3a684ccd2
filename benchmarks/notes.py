"""The notes' last training as a plain Keras script: what this project is measured against.

`keras.Model.fit` on float64 arrays, the stock callbacks, Keras's own defaults. Prints one line of JSON.

    python -m benchmarks.notes --seed 0
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

import keras
from sklearn.model_selection import train_test_split

from stages.data.datasets import fashion_mnist  # in the place of load_data(): the same files, checked


def model_fn(a_layer: keras.layers.Layer | None = None, filters: tuple[int, ...] = ()) -> keras.Sequential:
    """The notes' model function; with `filters`, their next chapter's, with a convolution and a pooling for each."""
    model = keras.Sequential()
    model.add(keras.layers.Input(shape=(28, 28, 1) if filters else (28, 28)))
    for count in filters:
        model.add(keras.layers.Conv2D(count, kernel_size=3, activation="relu", padding="same"))
        model.add(keras.layers.MaxPooling2D(2))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(100, activation="relu"))
    if a_layer:
        model.add(a_layer)
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


def main() -> None:
    """Train once, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="for keras.utils.set_random_seed; none: as in the notes, unseeded")
    parser.add_argument("--epochs", type=int, default=20, help="at most (default: %(default)s)")
    parser.add_argument("--no-early-stopping", action="store_true", help="run all epochs, for a fixed amount of work")
    parser.add_argument("--network", choices=("dense", "cnn"), default="dense", help="(default: %(default)s)")
    parser.add_argument("--images", type=int, help="the first so many of training and a quarter of them (default: all)")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        keras.utils.set_random_seed(arguments.seed)

    (train_input, train_target, _), (test_input, test_target, _) = fashion_mnist()[:2]
    train_scaled = train_input / 255.0
    train_scaled, val_scaled, train_target, val_target = train_test_split(
        train_scaled, train_target, test_size=0.2, random_state=42
    )
    if arguments.images:
        train_scaled, train_target = train_scaled[: arguments.images], train_target[: arguments.images]
        val_scaled, val_target = val_scaled[: arguments.images // 4], val_target[: arguments.images // 4]
    if arguments.network == "cnn":
        train_scaled, val_scaled, test_input = (
            each.reshape(-1, 28, 28, 1) for each in (train_scaled, val_scaled, test_input)
        )
    model = model_fn(keras.layers.Dropout(0.3), filters=(32, 64) if arguments.network == "cnn" else ())
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as folder:
        checkpoint_cb = keras.callbacks.ModelCheckpoint(Path(folder) / "best-model.keras", save_best_only=True)
        early_stopping_cb = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
        ends: list[float] = []  # of each epoch, checkpoint included; before them the start
        clock_cb = keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: ends.append(time.perf_counter()),  # noqa: ARG005
            on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter()),  # noqa: ARG005
        )
        history = model.fit(
            train_scaled,
            train_target,
            epochs=arguments.epochs,
            verbose=0,
            validation_data=(val_scaled, val_target),
            callbacks=[checkpoint_cb, *([] if arguments.no_early_stopping else [early_stopping_cb]), clock_cb],
        )
    print(
        json.dumps(
            {
                "epochs": len(history.history["loss"]),
                "seconds": [end - start for start, end in itertools.pairwise(ends)],
                "validation": model.evaluate(val_scaled, val_target, verbose=0, return_dict=True),
                "test": model.evaluate(test_input / 255.0, test_target, verbose=0, return_dict=True),
            }
        )
    )


if __name__ == "__main__":
    main()

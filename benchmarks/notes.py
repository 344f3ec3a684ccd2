"""Train the notes' last model with plain Keras, for comparison with this project.

Runs `fit` on float64 arrays with Keras's own callbacks and defaults, and imports nothing from the project. Reads the
raw files in $FASHION_MNIST_DIR or data/raw. Prints one line per epoch, then the epochs run and the scores as JSON.

    python -m benchmarks.notes --seed 0
"""

import argparse
import gzip
import json
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from sklearn.model_selection import train_test_split


def model_fn(a_layer: keras.layers.Layer | None = None, filters: tuple[int, ...] = ()) -> keras.Sequential:
    """Build the notes' model; `filters` add a convolution and a pooling each, as in their next chapter."""
    model = keras.Sequential()
    model.add(keras.layers.Input(shape=(28, 28)))
    if filters:
        model.add(keras.layers.Reshape((28, 28, 1)))
    for count in filters:
        model.add(keras.layers.Conv2D(count, kernel_size=3, activation="relu", padding="same"))
        model.add(keras.layers.MaxPooling2D(2))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(100, activation="relu"))
    if a_layer:
        model.add(a_layer)
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


def load_data(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images, uint8 [n, 28, 28], and labels, uint8 [n], of a part of Fashion-MNIST: "train" or "t10k"."""
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)


def main() -> None:
    """Train once, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="for keras.utils.set_random_seed (unseeded, as in the notes)")
    parser.add_argument("--epochs", type=int, default=20, help="train at most this many epochs (20)")
    parser.add_argument("--no-early-stopping", action="store_true", help="run all epochs, for a fixed amount of work")
    parser.add_argument("--network", choices=("dense", "cnn"), default="dense", help="(dense)")
    parser.add_argument("--images", type=int, help="split only the first N images into training and validation (all)")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        keras.utils.set_random_seed(arguments.seed)

    folder = Path(os.environ.get("FASHION_MNIST_DIR", "data/raw"))
    (train_input, train_target), (test_input, test_target) = load_data(folder, "train"), load_data(folder, "t10k")
    train_scaled = train_input[: arguments.images] / 255.0
    train_scaled, val_scaled, train_target, val_target = train_test_split(
        train_scaled, train_target[: arguments.images], test_size=0.2, random_state=42
    )
    model = model_fn(keras.layers.Dropout(0.3), filters=(32, 64) if arguments.network == "cnn" else ())
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    with tempfile.TemporaryDirectory() as checkpoints:
        callbacks = [keras.callbacks.ModelCheckpoint(Path(checkpoints) / "best-model.keras", save_best_only=True)]
        if not arguments.no_early_stopping:
            callbacks.append(keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True))
        history = model.fit(
            train_scaled,
            train_target,
            epochs=arguments.epochs,
            verbose=2,
            validation_data=(val_scaled, val_target),
            callbacks=callbacks,
        )
    result = {
        "epochs": len(history.history["loss"]),
        "validation": model.evaluate(val_scaled, val_target, verbose=0, return_dict=True),
        "test": model.evaluate(test_input / 255.0, test_target, verbose=0, return_dict=True),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

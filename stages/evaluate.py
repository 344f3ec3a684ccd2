"""Measure the kept model on validation and test images, and check that saving and loading lost nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.core.artifacts import Images, load_images, save_csv, save_json
from stages.core.errors import run
from stages.core.metrics import ClassScores, expected_calibration_error, macro_f1, per_class, reliability
from stages.core.params import read_params

if TYPE_CHECKING:
    import keras

BATCH = 4096  # as in training's validation, so that the validation loss is the same to the bit


def loss_and_accuracy(model: keras.Model, data: Images) -> dict[str, float]:
    """Keras's own evaluation of a compiled model."""
    values = model.evaluate(data.images, data.labels, batch_size=BATCH, verbose=0, return_dict=True)
    return {name: values[name] for name in ("loss", "accuracy")}


def check_saved_models(whole: keras.Model, rebuilt: keras.Model, val: Images) -> None:
    """
    The notes' check: the loaded model and the loaded weights say the same, and argmax agrees with `evaluate`.

    Raises:
        RuntimeError: they do not.

    """
    from_whole = whole.predict(val.images, batch_size=BATCH, verbose=0).argmax(axis=-1)  # [n]
    from_weights = rebuilt.predict(val.images, batch_size=BATCH, verbose=0).argmax(axis=-1)  # [n]
    if different := int(np.sum(from_whole != from_weights)):
        raise RuntimeError(f"model_whole.keras and model.weights.h5 disagree on {different} validation images")
    correct = int(np.sum(from_whole == val.labels))
    accuracy = loss_and_accuracy(whole, val)["accuracy"]  # float32: compare as a count of images
    if round(accuracy * len(val.labels)) != correct:
        raise RuntimeError(f"argmax is right on {correct} of {len(val.labels)} images, but evaluate says {accuracy}")
    print(f"save and load agree: argmax and evaluate both {correct} of {len(val.labels)} validation images")


def main() -> None:
    """models/, data/prepared/{val,test}.npz -> metrics/evaluation.json, plots/{confusion,per_class,reliability}.csv."""
    params = read_params()
    val = load_images(Path("data/prepared/val.npz"))
    test = load_images(Path("data/prepared/test.npz"))
    names = test.classes.tolist()

    from stages.core.backend import keras
    from stages.core.model import build_model, dropout_layer

    rebuilt = build_model(
        input_shape=val.images.shape[1:],
        classes=len(names),
        hidden_units=params.hidden_units,
        optional_layer=dropout_layer(params.dropout, seed=0),
    )
    rebuilt.load_weights("models/model.weights.h5")
    check_saved_models(keras.models.load_model("models/model_whole.keras"), rebuilt, val)

    best = keras.models.load_model("models/best-model.keras")
    probabilities = best.predict(test.images, batch_size=BATCH, verbose=0)  # [n, classes]
    predicted = probabilities.argmax(axis=-1)  # [n]
    scores = dict(zip(names, per_class(test.labels, predicted, len(names)), strict=True))
    bins = reliability(probabilities, test.labels)

    evaluation = {
        "validation": loss_and_accuracy(best, val),
        "test": {
            **loss_and_accuracy(best, test),
            "macro_f1": macro_f1(test.labels, predicted, len(names)),
            "ece": expected_calibration_error(bins),
            "per_class": {
                name: {"precision": score.precision, "recall": score.recall, "f1": score.f1}
                for name, score in scores.items()
            },
        },
    }
    save_json(Path("metrics/evaluation.json"), evaluation)
    save_csv(
        Path("plots/confusion.csv"),
        ["actual", "predicted"],
        ([names[label], names[guess]] for label, guess in zip(test.labels, predicted, strict=True)),
    )
    save_csv(Path("plots/per_class.csv"), ["class", *ClassScores._fields], ([n, *s] for n, s in scores.items()))
    save_csv(Path("plots/reliability.csv"), bins[0]._fields, bins)
    for part in ("validation", "test"):
        print(f"{part}: loss {evaluation[part]['loss']:.4f}, accuracy {evaluation[part]['accuracy']:.4f}")


if __name__ == "__main__":
    run(main)

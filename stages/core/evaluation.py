"""Saved models, measured and held against each other."""

import numpy as np

from stages.core.artifacts import Images
from stages.core.backend import keras
from stages.core.model import EVALUATION_BATCH


def loss_and_accuracy(model: keras.Model, data: Images) -> dict[str, float]:
    """Keras's own evaluation of a compiled model."""
    values = model.evaluate(data.images, data.labels, batch_size=EVALUATION_BATCH, verbose=0, return_dict=True)
    return {name: values[name] for name in ("loss", "accuracy")}


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Probabilities, float32 [n, classes], of raw images, uint8 [n, height, width]."""
    return model.predict(images, batch_size=EVALUATION_BATCH, verbose=0)


def check_saved_models(whole: keras.Model, rebuilt: keras.Model, data: Images) -> int:
    """The notes' check: the loaded model and the loaded weights say the same, and argmax agrees with `evaluate`.

    Returns:
        How many of the images both classify rightly.

    Raises:
        RuntimeError: they do not agree.
    """
    from_whole, from_weights = (predict(model, data.images).argmax(axis=-1) for model in (whole, rebuilt))  # [n]
    if different := int(np.sum(from_whole != from_weights)):
        raise RuntimeError(f"model_whole.keras and model.weights.h5 disagree on {different} validation images")
    correct = int(np.sum(from_whole == data.labels))
    accuracy = loss_and_accuracy(whole, data)["accuracy"]  # float32: compare as a count of images
    if round(accuracy * len(data.labels)) != correct:
        raise RuntimeError(f"argmax is right on {correct} of {len(data.labels)} images, but evaluate says {accuracy}")
    return correct

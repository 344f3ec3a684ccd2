"""Load saved models, measure them, and check that they agree."""

import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.base.files import unusable
from stages.data.images import Images
from stages.evaluation.results import Measured, Size
from stages.training.backend import keras, tf
from stages.training.model import evaluation_batch


def load_model(path: Path, data: Images) -> keras.Model:
    """Load a model that takes images of this shape and returns probabilities of these classes.

    Raises:
        UserError: the file is missing or damaged, or its model does not fit the images.
    """
    try:
        zipfile.ZipFile(path).close()  # Keras would call a damaged file missing
        model = keras.models.load_model(path)
        shapes = (model.input_shape, model.output_shape)
    except Exception as error:  # each part of Keras raises its own exceptions for a damaged file
        raise unusable(path, error) from error
    expected = ((None, *data.images.shape[1:]), (None, len(data.classes)))
    if shapes != expected:
        raise unusable(path, f"input and output must be {expected}, got {shapes}")
    probabilities = np.asarray(model(data.images[:1]))  # [1, classes]
    if not np.isclose(probabilities.sum(), 1, atol=1e-3) or probabilities.min() < 0:  # also for NaN
        raise unusable(path, "its outputs are not probabilities")
    return model


def load_weights(model: keras.Model, path: Path) -> None:
    """Load the weights that `save_weights` wrote; raise `UserError` if the file is missing, damaged or does not fit."""
    try:
        path.open("rb").close()  # for a plain error message
        with warnings.catch_warnings(action="ignore"):  # the optimizer has no state yet, and needs none
            model.load_weights(path)
    except Exception as error:  # as above
        raise unusable(path, error) from error


def measure(model: keras.Model, data: Images) -> Measured:
    """Return the loss and accuracy of `measure_and_predict`."""
    return measure_and_predict(model, data)[0]


def measure_and_predict(model: keras.Model, data: Images) -> tuple[Measured, np.ndarray]:
    """Return the values of Keras's `evaluate` and `predict`, to the bit, in one pass; penalties are not in the loss.

    The probabilities are float32 [n, classes]. Between two calls, only the weights of the model may change.
    """
    step = _step(model)
    loss, right, penalty, probabilities = np.float32(0), np.float32(0), np.float32(0), []
    for images, labels in _batches(model, data.images, data.labels):
        mean, correct, batch_penalty, predicted = step(images, labels)
        loss += mean.numpy() * np.float32(len(labels))  # in the order and type of Keras's sums
        right += correct.numpy()
        penalty += batch_penalty.numpy() * np.float32(len(labels))
        probabilities.append(predicted.numpy())
    count = np.float32(len(data.labels))
    mean_penalty = float(penalty / count) if model.losses else None
    measured = Measured(loss=float(loss / count), accuracy=float(right / count), penalty=mean_penalty)
    return measured, np.concatenate(probabilities)


@lru_cache(maxsize=1)  # traced once for all the sets of images that a model is measured on
def _step(model: keras.Model) -> Callable[[np.ndarray, np.ndarray], tuple[tf.Tensor, ...]]:
    """Return a function of k images and their labels, both uint8.

    It returns the cross-entropy, float32 []; the number of correct images, float32 []; the sum of the network's
    penalties, float32 []; probabilities, float32 [k, classes].
    """
    cross_entropy = keras.losses.SparseCategoricalCrossentropy()
    signature = [tf.TensorSpec(model.input_shape, tf.uint8), tf.TensorSpec((None,), tf.uint8)]

    @tf.function(input_signature=signature, jit_compile=False, autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        predicted = model(images, training=False)
        right = keras.metrics.sparse_categorical_accuracy(labels, predicted)
        penalty = tf.add_n(model.losses) if model.losses else tf.zeros(())
        return cross_entropy(labels, predicted), tf.reduce_sum(right), penalty, predicted

    return step


def _batches(model: keras.Model, *arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the rows of arrays in batches of the model's size for evaluation."""
    size = evaluation_batch(model)
    for start in range(0, len(arrays[0]), size):
        yield tuple(array[start : start + size] for array in arrays)


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the probabilities, float32 [n, classes], of raw images, uint8 [n, height, width]."""
    return np.concatenate([model.predict_on_batch(batch) for (batch,) in _batches(model, images)])


def size_of(model: keras.Model) -> Size:
    """Return the size of a model. TensorFlow counts a multiplication and an addition as two operations."""
    call = tf.function(lambda images: model(images, training=False), jit_compile=False)
    graph = call.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]), model.input_dtype)).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    counted = profiler.profile(graph, options=options)
    return Size(parameters=model.count_params(), operations=counted.total_float_ops)


def check_saved_models(whole: keras.Model, rebuilt: keras.Model, data: Images) -> Measured:
    """Check, as the notes do, that the loaded model and a new one with the loaded weights predict the same classes.

    Return their loss and accuracy on these validation images; raise `UserError` if they disagree.
    """
    measured, of_whole = measure_and_predict(whole, data)
    _, of_rebuilt = measure_and_predict(rebuilt, data)
    if different := int(np.sum(of_whole.argmax(axis=-1) != of_rebuilt.argmax(axis=-1))):
        raise UserError(
            f"model_whole.keras and model.weights.h5 must predict the same classes, but disagree on {different} of "
            f"{len(data.labels)} validation images; to train again: dvc repro --force train"
        )
    return measured

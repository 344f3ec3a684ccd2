"""Load saved models, measure them, and check that they agree with each other."""

import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.base.files import leaves, unusable
from stages.data.images import Images
from stages.evaluation.results import Measured, Size
from stages.training.backend import keras, tf
from stages.training.model import evaluation_batch


def load_model(path: Path, data: Images) -> keras.Model:
    """Load a compiled model that takes images of this shape and gives probabilities of these classes.

    Raises:
        UserError: the file is missing or damaged, or has another model.
    """
    try:
        zipfile.ZipFile(path).close()  # Keras would call a damaged file missing
        with warnings.catch_warnings(action="ignore"):  # an optimizer that was never trained has no state to load
            model = keras.models.load_model(path)
        shapes = (model.input_shape, model.output_shape)
    except Exception as error:  # each part of Keras raises its own exceptions for a damaged file
        raise unusable(path, error) from error
    expected = ((None, *data.images.shape[1:]), (None, len(data.classes)))
    if shapes != expected:
        raise unusable(path, f"its input and output are {shapes}, the data asks for {expected}")
    probabilities = np.asarray(model(data.images[:1]))  # [1, classes]
    if not np.isclose(probabilities.sum(), 1, atol=1e-3) or probabilities.min() < 0:  # also for NaN
        raise unusable(path, "its outputs are not probabilities")
    if not model.compiled:
        raise unusable(path, "it was saved without a loss, so it cannot be evaluated")
    return model


def load_weights(model: keras.Model, path: Path) -> None:
    """Load what `save_weights` wrote into a model.

    Raises:
        UserError: the file is missing or damaged, or has the weights of another network.
    """
    try:
        path.open("rb").close()  # for a plain error message
        with warnings.catch_warnings(action="ignore"):  # as above
            model.load_weights(path)
    except Exception as error:  # as above
        raise unusable(path, error) from error


def check_network(path: Path, model: keras.Model, expected: keras.Model) -> None:
    """Check that a saved model has the layers, with rates and seeds, of the model that the parameters describe.

    Raises:
        UserError: a layer or a setting is different.
    """
    saved, described = (dict(leaves(each.get_config())) for each in (model, expected))
    for name in described | saved:
        if saved.get(name) != described.get(name):
            raise unusable(path, f"its {name} is {saved.get(name)!r}, and the parameters say {described.get(name)!r}")


def measure(model: keras.Model, data: Images) -> Measured:
    """Return the loss and accuracy of `measure_and_predict`."""
    return measure_and_predict(model, data)[0]


def measure_and_predict(model: keras.Model, data: Images) -> tuple[Measured, np.ndarray]:
    """Return what Keras's `evaluate` and `predict` return, to the bit, in one pass; penalties stand apart.

    Args:
        model: compiled. Only its weights may change between two calls.
        data: the images.

    Returns:
        Loss and accuracy; the probabilities, float32 [n, classes].
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
    means = {"loss": float(loss / count), "accuracy": float(right / count)}
    if model.losses:
        means["penalty"] = float(penalty / count)
    return Measured(**means), np.concatenate(probabilities)


@lru_cache(maxsize=1)  # one model after the other is measured, each on several sets of images
def _step(model: keras.Model) -> Callable[[np.ndarray, np.ndarray], tuple[tf.Tensor, ...]]:
    """Return a function of a batch, uint8 [k, ...] and uint8 [k].

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


def have_equal_weights(one: keras.Model, other: keras.Model) -> bool:
    """Return whether two models of the same network have the same weights."""
    return all(np.array_equal(*pair) for pair in zip(one.get_weights(), other.get_weights(), strict=True))


def check_saved_models(whole: keras.Model, rebuilt: keras.Model, data: Images) -> Measured:
    """Run the check of the notes: the loaded model and the loaded weights predict the same classes.

    Args:
        whole: the model of model_whole.keras.
        rebuilt: the network of the parameters with the weights of model.weights.h5.
        data: the validation images.

    Returns:
        Loss and accuracy of both models on these images.

    Raises:
        UserError: the models disagree.
    """
    measured, probabilities = measure_and_predict(whole, data)
    from_whole = probabilities.argmax(axis=-1)  # [n]
    equal = have_equal_weights(whole, rebuilt)
    from_weights = from_whole if equal else predict(rebuilt, data.images).argmax(axis=-1)  # [n]
    if different := int(np.sum(from_whole != from_weights)):
        raise UserError(
            f"model_whole.keras and model.weights.h5 disagree on {different} of {len(data.labels)} validation images: "
            "they come from different trainings; to train again: dvc repro --force train"
        )
    correct = int(np.sum(from_whole == data.labels))
    if round(measured.accuracy * len(data.labels)) != correct:  # compared as counts, because accuracy is a float32
        raise RuntimeError(f"argmax is right on {correct} of {len(data.labels)} images, Keras says {measured.accuracy}")
    return measured

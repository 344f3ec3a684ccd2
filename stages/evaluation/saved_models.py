"""Saved models: loaded, measured, and held against each other."""

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
    """A saved and compiled model that takes such images and tells such classes apart.

    Raises:
        UserError: the file holds something else.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise ValueError("not a whole .keras archive")
        with warnings.catch_warnings(action="ignore"):  # of an optimizer that was never trained: none is needed here
            model = keras.models.load_model(path)
        shapes = (model.input_shape, model.output_shape)
    except Exception as error:  # a damaged or foreign file raises whatever the part of Keras raises that meets it
        raise unusable(path, error) from error
    expected = ((None, *data.images.shape[1:]), (None, len(data.classes)))
    if shapes != expected:
        raise unusable(path, f"its input and output are {shapes}, the data asks for {expected}")
    probabilities = np.asarray(model(data.images[:1]))  # [1, classes]
    if not np.isclose(probabilities.sum(), 1, atol=1e-3) or probabilities.min() < 0:  # so also for NaN
        raise unusable(path, "its outputs are no probabilities")
    if not model.compiled:
        raise unusable(path, "it was saved without a loss, so it cannot be evaluated")
    return model


def check_described(path: Path, model: keras.Model, described: keras.Model, *, rate_falls: bool) -> None:
    """Whether a saved model has the layers, the seeds and the optimizer of a compiled one that the parameters describe.

    Args:
        path: its file.
        model: as it was saved.
        described: before its first epoch.
        rate_falls: whether training may have lowered the optimizer's learning rate.

    Raises:
        UserError: it has not.
    """
    if len(model.layers) != len(described.layers):
        raise unusable(path, f"it has {len(model.layers)} layers, and the parameters say {len(described.layers)}")
    saved, expected = (
        dict(leaves(each.get_config() | {"compiled": each.get_compile_config()})) for each in (model, described)
    )
    for name in expected | saved:
        if rate_falls and name == "compiled.optimizer.config.learning_rate":
            continue
        if saved.get(name) != expected.get(name):
            raise unusable(path, f"its {name} is {saved.get(name)!r}, and the parameters say {expected.get(name)!r}")


def load_weights(model: keras.Model, path: Path) -> None:
    """Load what `save_weights` wrote, in place.

    Raises:
        UserError: the file holds something else, or the weights of another architecture.
    """
    try:
        path.open("rb").close()  # for a plain reason where it cannot be opened
        with warnings.catch_warnings(action="ignore"):  # as above
            model.load_weights(path)
    except Exception as error:  # as above
        raise unusable(path, error) from error


def measure(model: keras.Model, data: Images, out: np.ndarray | None = None) -> Measured:
    """What `evaluate` gives, to the bit, and `predict` with it: in one pass and one graph.

    Args:
        model: compiled; nothing of it but its weights may change afterwards, for its graph is kept.
        data: the images.
        out: gets the probabilities, float32 [n, classes].
    """
    step = _step(model)
    loss, right, done = np.float32(0), np.float32(0), 0
    for images, labels in _batches(model, data.images, data.labels):
        mean, correct, probabilities = step(images, labels)
        loss += mean.numpy() * np.float32(len(labels))  # in the order and the type of Keras's sums
        right += correct.numpy()
        if out is not None:
            out[done : done + len(labels)] = probabilities.numpy()
        done += len(labels)
    return Measured(loss=float(loss / np.float32(done)), accuracy=float(right / np.float32(done)))


@lru_cache(maxsize=1)  # one model after the other is measured, each on several sets of images
def _step(model: keras.Model) -> Callable[[np.ndarray, np.ndarray], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Of a batch, uint8 [k, ...] and uint8 [k]: Keras's loss, float32 []; how many it calls right, float32 []; and the
    probabilities, float32 [k, classes].
    """
    signature = [tf.TensorSpec(model.input_shape, tf.uint8), tf.TensorSpec((None,), tf.uint8)]

    @tf.function(input_signature=signature, jit_compile=False, autograph=False)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        predicted = model(images, training=False)
        right = keras.metrics.sparse_categorical_accuracy(labels, predicted)
        return model.compute_loss(images, labels, predicted, training=False), tf.reduce_sum(right), predicted

    return step


def _batches(model: keras.Model, *arrays: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Rows of arrays in their order, as many at a time as the model is measured on."""
    size = evaluation_batch(model)
    for start in range(0, len(arrays[0]), size):
        yield tuple(array[start : start + size] for array in arrays)


def size_of(model: keras.Model) -> Size:
    """How large it is. The operations are TensorFlow's own count, in which a multiplication and an addition are two."""
    call = tf.function(lambda images: model(images, training=False), jit_compile=False)
    graph = call.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]), model.input_dtype)).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    counted = profiler.profile(graph, options=options)
    return Size(parameters=model.count_params(), operations=counted.total_float_ops)


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Probabilities, float32 [n, classes], of raw images, uint8 [n, height, width]."""
    return np.concatenate([model.predict_on_batch(batch) for (batch,) in _batches(model, images)])


def have_equal_weights(one: keras.Model, other: keras.Model) -> bool:
    """Whether two models of the same layers say the same of every image."""
    return all(np.array_equal(*pair) for pair in zip(one.get_weights(), other.get_weights(), strict=True))


def check_saved_models(whole: keras.Model, rebuilt: keras.Model, data: Images) -> Measured:
    """The notes' check: the loaded model and the loaded weights say the same, and argmax agrees with the accuracy.

    Of equal weights, one is asked.

    Returns:
        Loss and accuracy of these images, which both have.

    Raises:
        UserError: they do not agree.
    """
    probabilities = np.empty((len(data.labels), len(data.classes)), np.float32)
    measured = measure(whole, data, out=probabilities)
    from_whole = probabilities.argmax(axis=-1)  # [n]
    equal = have_equal_weights(whole, rebuilt)
    from_weights = from_whole if equal else predict(rebuilt, data.images).argmax(axis=-1)  # [n]
    if different := int(np.sum(from_whole != from_weights)):
        raise UserError(
            f"model_whole.keras and model.weights.h5 disagree on {different} of {len(data.labels)} validation images: "
            "they are not of one training; to make both: dvc repro --force train"
        )
    correct = int(np.sum(from_whole == data.labels))
    if round(measured.accuracy * len(data.labels)) != correct:  # float32: compare as a count of images
        raise RuntimeError(f"argmax is right on {correct} of {len(data.labels)} images, Keras says {measured.accuracy}")
    return measured

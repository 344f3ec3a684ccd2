"""Saved models: loaded, measured, and held against each other."""

import math
import warnings
import zipfile
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.base.files import leaves, unusable
from stages.data.images import Images
from stages.evaluation.results import Size
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


class Batches(keras.utils.PyDataset):
    """Rows of arrays in their order, a batch at a time: of a whole array Keras would make a tensor, which is a copy."""

    def __init__(self, batch_size: int, *arrays: np.ndarray) -> None:
        super().__init__()
        self.batch_size, self.arrays = batch_size, arrays

    def __len__(self) -> int:
        return math.ceil(len(self.arrays[0]) / self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        return tuple(array[number * self.batch_size : (number + 1) * self.batch_size] for array in self.arrays)


def loss_and_accuracy(model: keras.Model, data: Images) -> dict[str, float]:
    """Keras's own evaluation of a compiled model."""
    values = model.evaluate(Batches(evaluation_batch(model), data.images, data.labels), verbose=0, return_dict=True)
    return {name: values[name] for name in ("loss", "accuracy")}


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
    return model.predict(Batches(evaluation_batch(model), images), verbose=0)


def have_equal_weights(one: keras.Model, other: keras.Model) -> bool:
    """Whether two models of the same layers say the same of every image."""
    return all(np.array_equal(*pair) for pair in zip(one.get_weights(), other.get_weights(), strict=True))


def check_saved_models(whole: keras.Model, rebuilt: keras.Model, data: Images) -> int:
    """The notes' check: the loaded model and the loaded weights say the same, and argmax agrees with `evaluate`.

    Of equal weights, one is asked.

    Returns:
        How many of the images both classify rightly.

    Raises:
        UserError: they do not agree.
    """
    from_whole = predict(whole, data.images).argmax(axis=-1)  # [n]
    equal = have_equal_weights(whole, rebuilt)
    from_weights = from_whole if equal else predict(rebuilt, data.images).argmax(axis=-1)  # [n]
    if different := int(np.sum(from_whole != from_weights)):
        raise UserError(
            f"model_whole.keras and model.weights.h5 disagree on {different} of {len(data.labels)} validation images: "
            "they are not of one training; to make both: dvc repro --force train"
        )
    correct = int(np.sum(from_whole == data.labels))
    accuracy = loss_and_accuracy(whole, data)["accuracy"]  # float32: compare as a count of images
    if round(accuracy * len(data.labels)) != correct:
        raise RuntimeError(f"argmax is right on {correct} of {len(data.labels)} images, but evaluate says {accuracy}")
    return correct

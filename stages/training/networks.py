"""The networks: each is a function and an entry of `NETWORKS`. docs/extend.md shows how to add one."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stages.base.params import TrainingParams
from stages.training.backend import keras

SEED_USES = ("hidden", "output", "dropout", "conv_1", "conv_2")


def layer_seed(seed: int, use: str) -> int:
    """Return the seed of one random part of a network; all of them follow from `seed`."""
    return int(np.random.SeedSequence(seed).generate_state(len(SEED_USES))[SEED_USES.index(use)])


def _initializer(seed: int, use: str) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=layer_seed(seed, use))


def dropout_layer(params: TrainingParams) -> keras.layers.Layer | None:
    """Return the notes' optional layer: Dropout with the rate of the parameters, or None for rate 0.

    In training it zeroes a share `rate` of the outputs and scales the others by 1/(1 - rate). In evaluation and
    prediction it does nothing (Srivastava et al. 2014, in Keras's inverted form).
    """
    # Without a name here, so that Keras numbers it with the network's own layers. As the first, it becomes "dropout".
    return keras.layers.Dropout(params.dropout, seed=layer_seed(params.seed, "dropout")) if params.dropout else None


def pixels(input_shape: tuple[int, ...]) -> list:
    """Return the first layers of a network: raw pixels, uint8 [batch, *input_shape], scaled to 0..1 as float32.

    Scaling inside the model means that nobody can give a saved model the wrong scale.
    """
    return [keras.Input(input_shape, dtype="uint8", name="pixels"), keras.layers.Rescaling(1 / 255, name="scale")]


def dense(input_shape: tuple[int, ...], classes: int, params: TrainingParams) -> keras.Model:
    """Return the network of the notes: Flatten, Dense(100, relu), an optional layer, Dense(10, softmax).

    It is not compiled. It takes raw pixels and returns probabilities, float32 [batch, classes].
    """
    layers = [*pixels(input_shape), keras.layers.Flatten(name="flatten"), *_hidden_and_output(classes, params)]
    return keras.Sequential(layers, name="classifier")


def cnn(input_shape: tuple[int, ...], classes: int, params: TrainingParams) -> keras.Model:
    """Return the network of the next chapter: two convolutions, each with pooling, before the layers of `dense`."""

    def convolution(filters: int, use: str) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer=_initializer(params.seed, use), name=use
        )

    layers = [
        *pixels(input_shape),
        keras.layers.Reshape((*input_shape[:2], -1), name="channels"),  # adds an axis if the images are grey
        convolution(32, "conv_1"),
        keras.layers.MaxPooling2D(2, name="pool_1"),
        convolution(64, "conv_2"),
        keras.layers.MaxPooling2D(2, name="pool_2"),
        keras.layers.Flatten(name="flatten"),
        *_hidden_and_output(classes, params),
    ]
    return keras.Sequential(layers, name="classifier")


def _hidden_and_output(classes: int, params: TrainingParams) -> list:
    hidden, output = (_initializer(params.seed, use) for use in ("hidden", "output"))
    return [
        keras.layers.Dense(params.hidden_units, activation="relu", kernel_initializer=hidden, name="hidden"),
        *([optional_layer] if (optional_layer := dropout_layer(params)) else []),
        keras.layers.Dense(classes, activation="softmax", kernel_initializer=output, name="output"),
    ]


class Network(NamedTuple):
    """A network and the number of threads that compute it.

    The number is a constant, not the machine's, because the last bits of convolutions depend on it.
    """

    build: Callable[[tuple[int, ...], int, TrainingParams], keras.Model]
    threads: int = 1  # with small layers, a second thread costs more than it saves


NETWORKS = {
    "dense": Network(dense),
    "cnn": Network(cnn, threads=2),
}

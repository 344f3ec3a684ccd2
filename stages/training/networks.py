"""The networks: each is a function and a row of `NETWORKS`, by the name in params.yaml. docs/networks.md adds one."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stages.base.params import TrainingParams
from stages.training.backend import keras

SEED_USES = ("hidden", "output", "dropout", "conv_1", "conv_2")


def layer_seed(seed: int, use: str) -> int:
    """An integer seed of its own for each random part of a network, all decided by `seed`."""
    return int(np.random.SeedSequence(seed).generate_state(len(SEED_USES))[SEED_USES.index(use)])


def _initializer(seed: int, use: str) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=layer_seed(seed, use))


def dropout_layer(rate: float, seed: int) -> keras.layers.Layer | None:
    """The Dropout layer to give to a network, or None for rate 0.

    In training it zeroes a share `rate` of the outputs and scales the kept ones by 1/(1 - rate); in
    evaluation and prediction it does nothing (Srivastava et al. 2014, in Keras's inverted form).
    """
    # Without a name, or one of a network's own would get the same from Keras. It is `build_model`'s first: "dropout".
    return keras.layers.Dropout(rate, seed=layer_seed(seed, "dropout")) if rate else None


def pixels(input_shape: tuple[int, ...]) -> list:
    """What a network begins with: raw pixels, uint8 [batch, *input_shape], brought to 0..1 as float32.

    Inside the model, so that a saved one cannot be fed the wrong scale.
    """
    return [keras.Input(input_shape, dtype="uint8", name="pixels"), keras.layers.Rescaling(1 / 255, name="scale")]


def dense(
    input_shape: tuple[int, ...],
    classes: int,
    params: TrainingParams,
    optional_layer: keras.layers.Layer | None = None,
) -> keras.Sequential:
    """The notes' network: Flatten, Dense(100, relu), an optional layer, Dense(10, softmax).

    Not compiled. It takes raw pixels, and returns probabilities, float32 [batch, classes].
    """
    layers = [
        *pixels(input_shape),
        keras.layers.Flatten(name="flatten"),
        *_hidden_and_output(classes, params, optional_layer),
    ]
    return keras.Sequential(layers, name="classifier")


def cnn(
    input_shape: tuple[int, ...],
    classes: int,
    params: TrainingParams,
    optional_layer: keras.layers.Layer | None = None,
) -> keras.Sequential:
    """The next chapter's: two convolutions, each with a pooling, before the notes' layers. In and out as `dense`."""

    def convolution(filters: int, use: str) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_initializer=_initializer(params.seed, use), name=use
        )

    layers = [
        *pixels(input_shape),
        keras.layers.Reshape((*input_shape[:2], -1), name="channels"),  # one, where the images are grey
        convolution(32, "conv_1"),
        keras.layers.MaxPooling2D(2, name="pool_1"),
        convolution(64, "conv_2"),
        keras.layers.MaxPooling2D(2, name="pool_2"),
        keras.layers.Flatten(name="flatten"),
        *_hidden_and_output(classes, params, optional_layer),
    ]
    return keras.Sequential(layers, name="classifier")


def _hidden_and_output(classes: int, params: TrainingParams, optional_layer: keras.layers.Layer | None) -> list:
    hidden, output = (_initializer(params.seed, use) for use in ("hidden", "output"))
    return [
        keras.layers.Dense(params.hidden_units, activation="relu", kernel_initializer=hidden, name="hidden"),
        *([optional_layer] if optional_layer else []),
        keras.layers.Dense(classes, activation="softmax", kernel_initializer=output, name="output"),
    ]


class Network(NamedTuple):
    """A network of any kind.

    `threads` is how many compute it: a constant and not the machine's, since with convolutions the number decides bits.
    """

    build: Callable[[tuple[int, ...], int, TrainingParams, keras.layers.Layer | None], keras.Model]
    threads: int = 1  # handing work to a second one costs more than it saves, where layers are small


NETWORKS = {
    "dense": Network(dense),
    "cnn": Network(cnn, threads=2),
}

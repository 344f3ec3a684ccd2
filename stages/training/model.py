"""The notes' network: Flatten, Dense(100, relu), an optional Dropout, Dense(10, softmax)."""

import numpy as np

from stages.data.images import Images
from stages.training.backend import keras

SEED_USES = ("hidden", "output", "dropout")

# Rows a step without training. The sums over steps, so the last bits of a loss, depend on it: one number for
# validation while training and for evaluation afterwards.
EVALUATION_BATCH = 4096


def layer_seed(seed: int, use: str) -> int:
    """An integer seed of its own for each random part of the model, all decided by `seed`.

    Integers, because a layer without one draws from global state that a restart would not bring back.
    """
    return int(np.random.SeedSequence(seed).generate_state(len(SEED_USES))[SEED_USES.index(use)])


def dropout_layer(rate: float, seed: int) -> keras.layers.Layer | None:
    """The Dropout layer to give to `build_model`, or None for rate 0.

    In training it zeroes a share `rate` of the outputs and scales the kept ones by 1/(1 - rate); in
    evaluation and prediction it does nothing (Srivastava et al. 2014, in Keras's inverted form).
    """
    return keras.layers.Dropout(rate, seed=layer_seed(seed, "dropout"), name="dropout") if rate else None


def build_model(
    input_shape: tuple[int, ...],
    classes: int,
    hidden_units: int,
    optional_layer: keras.layers.Layer | None = None,
    seed: int = 0,
) -> keras.Sequential:
    """The network, not compiled. It takes raw pixels, uint8 [batch, *input_shape], and scales them itself,
    so a saved model cannot be fed the wrong scale. It returns probabilities, float32 [batch, classes].

    Names are given because Keras counts up unnamed layers within a process, and a file would show the count.
    """

    def initializer(use: str) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=layer_seed(seed, use))

    model = keras.Sequential(name="classifier")
    model.add(keras.Input(input_shape, dtype="uint8", name="pixels"))
    model.add(keras.layers.Rescaling(1 / 255, name="scale"))
    model.add(keras.layers.Flatten(name="flatten"))
    model.add(
        keras.layers.Dense(hidden_units, activation="relu", kernel_initializer=initializer("hidden"), name="hidden")
    )
    if optional_layer is not None:
        model.add(optional_layer)
    model.add(
        keras.layers.Dense(classes, activation="softmax", kernel_initializer=initializer("output"), name="output")
    )
    return model


def compile_model(model: keras.Model, optimizer: str, learning_rate: float) -> None:
    """Compile in place, for sparse integer labels; `optimizer` by Keras's name."""
    model.compile(
        optimizer=keras.optimizers.get(
            {"class_name": optimizer, "config": {"name": optimizer, "learning_rate": learning_rate}}
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA draws other dropout masks, depends on the number of threads, and is slower here
    )


def compiled_model(
    data: Images, *, hidden_units: int, dropout: float, optimizer: str, learning_rate: float, seed: int
) -> keras.Sequential:
    """The model for such images before its first epoch."""
    model = build_model(
        input_shape=data.images.shape[1:],
        classes=len(data.classes),
        hidden_units=hidden_units,
        optional_layer=dropout_layer(dropout, seed),
        seed=seed,
    )
    compile_model(model, optimizer, learning_rate)
    return model

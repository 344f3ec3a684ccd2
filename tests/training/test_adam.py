"""Adam in fused operations against Keras's own, to the bit."""

import numpy as np
import pytest

from stages.training.adam import fused, is_plain_adam
from stages.training.backend import keras, tf

SHAPES = [(37, 21), (21,), (), (4, 3, 2)]  # none a multiple of what a processor takes at a time
# From underflowing moments to large ones, and exact zeros, as of pixels that are always black.
SCALES = [1.0, 1e-25, 0.0, 1e4, 1e-3, 0.0] * 5


def assert_equal_bits(ours: keras.optimizers.Optimizer, theirs: keras.optimizers.Optimizer, **given: object) -> None:
    """Both update equal variables by equal gradients: through `fused`, and by the optimizer's own method."""
    random = np.random.default_rng(0)
    initial = [random.normal(size=shape).astype("float32") for shape in SHAPES]
    one, other = ([keras.Variable(value, name=f"v{n}") for n, value in enumerate(initial)] for _ in range(2))
    for optimizer, variables in ((ours, one), (theirs, other)):
        optimizer.build(variables)
        for variable in variables:
            variable.constraint = given.get("constraint")
    update = fused(ours, one)
    # In a graph, as in training: there TensorFlow rewrites arithmetic.
    step_ours = tf.function(update, jit_compile=False)
    step_theirs = tf.function(lambda gradients: theirs.apply(gradients, other), jit_compile=False)
    for scale in SCALES:
        gradients = [tf.constant(scale * random.normal(size=shape), tf.float32) for shape in SHAPES]
        step_ours(gradients)
        step_theirs(gradients)
        for a, b in zip([*one, *ours.variables], [*other, *theirs.variables], strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), a.path
    assert int(ours.iterations) == len(SCALES)


@pytest.mark.parametrize("learning_rate", [1e-3, 0.5])
def test_a_plain_adam_leaves_the_bits_of_keras_after_every_step(learning_rate: float):
    optimizers = [keras.optimizers.Adam(learning_rate, name="adam") for _ in range(2)]
    assert is_plain_adam(optimizers[0])
    assert_equal_bits(*optimizers)


class Halved(keras.optimizers.Adam):
    """A subclass that differs in no setting."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / 2, variable, learning_rate)


OTHERS = [
    (Halved, {}),
    (keras.optimizers.SGD, {}),
    (keras.optimizers.AdamW, {}),  # a subclass of Adam
    *(
        (keras.optimizers.Adam, setting)
        for setting in (
            {"beta_1": 0.8}, {"beta_2": 0.99}, {"epsilon": 1e-6}, {"amsgrad": True}, {"weight_decay": 0.01},
            {"clipnorm": 1.0}, {"clipvalue": 1.0}, {"global_clipnorm": 1.0}, {"use_ema": True},
            {"loss_scale_factor": 2.0}, {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "setting"), OTHERS, ids=[f"{kind.__name__} {[*setting]}" for kind, setting in OTHERS])
def test_what_is_no_plain_adam_is_left_to_keras(kind: type, setting: dict):
    optimizers = [kind(**setting, name="optimizer") for _ in range(2)]
    assert not is_plain_adam(optimizers[0])
    assert_equal_bits(*optimizers)


def test_a_constraint_on_a_variable_holds():
    optimizers = [keras.optimizers.Adam(0.5, name="adam") for _ in range(2)]
    assert_equal_bits(*optimizers, constraint=keras.constraints.NonNeg())

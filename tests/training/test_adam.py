"""Adam in fused operations against Keras's own, to the bit."""

import numpy as np
import pytest

from stages.training.adam import fused, is_plain_adam
from stages.training.backend import keras, tf

SHAPES = [(37, 21), (21,), (), (4, 3, 2)]  # not multiples of the width of a vector instruction
# From underflowing moments to large ones, and exact zeros, as for pixels that are always black.
SCALES = [1.0, 1e-25, 0.0, 1e4, 1e-3, 0.0] * 5
ADAM = keras.optimizers.Adam


@pytest.mark.parametrize(
    ("optimizer", "constraint"),
    [
        (lambda: ADAM(1e-3), None),
        (lambda: ADAM(0.5), None),
        (lambda: ADAM(0.5), keras.constraints.NonNeg()),  # left to Keras, as any other optimizer
        (lambda: keras.optimizers.SGD(0.5), None),
    ],
)
def test_an_optimizer_gives_the_bits_of_keras_after_every_step(optimizer, constraint):
    ours, theirs = optimizer(), optimizer()
    random = np.random.default_rng(0)
    initial = [random.normal(size=shape).astype("float32") for shape in SHAPES]
    one, other = ([keras.Variable(value, name=f"v{n}") for n, value in enumerate(initial)] for _ in range(2))
    for each, variables in ((ours, one), (theirs, other)):
        each.build(variables)
        for variable in variables:
            variable.constraint = constraint
    # In a graph, as in training, where TensorFlow rewrites arithmetic.
    step_ours = tf.function(fused(ours, one), jit_compile=False)
    step_theirs = tf.function(lambda gradients: theirs.apply(gradients, other), jit_compile=False)
    for scale in SCALES:
        gradients = [tf.constant(scale * random.normal(size=shape), tf.float32) for shape in SHAPES]
        step_ours(gradients)
        step_theirs(gradients)
        for a, b in zip([*one, *ours.variables], [*other, *theirs.variables], strict=True):
            assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), a.path
    assert int(ours.iterations) == len(SCALES)


def test_only_an_adam_with_nothing_set_but_a_constant_learning_rate_is_fused():
    class Halved(ADAM):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient / 2, variable, learning_rate)

    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    settings = [
        {"beta_1": 0.8}, {"epsilon": 1e-6}, {"amsgrad": True}, {"weight_decay": 0.01}, {"global_clipnorm": 1.0},
        {"use_ema": True}, {"loss_scale_factor": 2.0}, {"learning_rate": decay},
    ]  # fmt: skip
    others = [Halved(), keras.optimizers.SGD(), keras.optimizers.AdamW(), *(ADAM(**setting) for setting in settings)]
    assert [other for other in others if is_plain_adam(other)] == []
    assert is_plain_adam(ADAM(0.5, name="mine"))

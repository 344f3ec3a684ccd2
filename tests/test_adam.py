"""Adam in fused operations against Keras's own, to the bit."""

import numpy as np
import pytest

from stages.core.adam import fused
from stages.core.backend import keras, tf

SHAPES = [(37, 21), (21,), (), (4, 3, 2)]  # none a multiple of what a processor takes at a time


@pytest.mark.parametrize("learning_rate", [1e-3, 0.5])
def test_every_step_leaves_the_bits_of_keras(learning_rate: float):
    random = np.random.default_rng(0)
    initial = [random.normal(size=shape).astype("float32") for shape in SHAPES]
    # From underflowing moments to large ones, and exact zeros, as of pixels that are always black.
    scales = [1.0, 1e-25, 0.0, 1e4, 1e-3, 0.0]
    steps = [[np.asarray(scale * random.normal(size=shape), "float32") for shape in SHAPES] for scale in scales]
    optimizers = [keras.optimizers.Adam(learning_rate) for _ in range(2)]
    variables = [[keras.Variable(value, name=f"v{n}") for n, value in enumerate(initial)] for _ in optimizers]
    for optimizer, own in zip(optimizers, variables, strict=True):
        optimizer.build(own)
    update = fused(optimizers[0])
    assert update != optimizers[0].apply
    # In a graph, as in training: there TensorFlow rewrites arithmetic.
    ours = tf.function(lambda gradients: update(gradients, variables[0]), jit_compile=False)
    theirs = tf.function(lambda gradients: optimizers[1].apply(gradients, variables[1]), jit_compile=False)
    for gradients in steps * 5:
        for step in (ours, theirs):
            step([tf.constant(gradient) for gradient in gradients])
        for one, other in zip(
            [*variables[0], *optimizers[0].variables], [*variables[1], *optimizers[1].variables], strict=True
        ):
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes(), one.path
    assert int(optimizers[0].iterations) == len(steps) * 5


@pytest.mark.parametrize(
    "setting",
    [
        {"beta_1": 0.8}, {"beta_2": 0.99}, {"epsilon": 1e-6}, {"amsgrad": True}, {"weight_decay": 0.01},
        {"clipnorm": 1.0}, {"clipvalue": 1.0}, {"global_clipnorm": 1.0}, {"use_ema": True}, {"loss_scale_factor": 2.0},
        {"gradient_accumulation_steps": 2},
    ],
    ids=str,
)  # fmt: skip
def test_an_adam_with_other_settings_updates_by_its_own_method(setting: dict):
    optimizer = keras.optimizers.Adam(**setting)
    assert fused(optimizer) == optimizer.apply


def test_another_optimizer_updates_by_its_own_method():
    for optimizer in (keras.optimizers.SGD(), keras.optimizers.AdamW()):  # AdamW is a subclass of Adam
        assert fused(optimizer) == optimizer.apply

"""The loss in few operations against Keras's own, to the bit."""

import numpy as np
import pytest

from stages.training.backend import keras, tf
from stages.training.loss import loss_of

ROWS, CLASSES = 7, 10


def network(*last: keras.layers.Layer, **hidden: object) -> keras.Model:
    model = keras.Sequential([keras.Input([5]), keras.layers.Dense(CLASSES, **hidden), *last])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    return model


def assert_equal_bits(model: keras.Model, scale: float, *, in_few: bool) -> None:
    """The loss and all gradients, in a graph, as in training."""
    random = np.random.default_rng(0)
    x = tf.constant(scale * random.normal(size=[ROWS, 5]), tf.float32)
    y = tf.constant(random.integers(CLASSES, size=ROWS), tf.int32)
    known = []

    @tf.function(jit_compile=False, autograph=False)
    def ours() -> list:
        with tf.GradientTape() as tape:
            loss, start, gradient = loss_of(model, x, y, model(x, training=True))
        known.append(gradient is not None)
        return [loss, *tape.gradient(start, model.trainable_variables, output_gradients=gradient)]

    @tf.function(jit_compile=False, autograph=False)
    def theirs() -> list:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True))
        return [loss, *tape.gradient(loss, model.trainable_variables)]

    for one, other in zip(ours(), theirs(), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes()
    assert known == [in_few]


@pytest.mark.parametrize("scale", [0, 1e-30, 1, 30, 1e4, 1e20])
def test_a_softmax_at_the_end_gives_the_bits_of_keras(scale: float):
    """From equal logits to logits at which a probability is 0."""
    assert_equal_bits(network(activation="softmax"), scale, in_few=True)
    assert_equal_bits(network(keras.layers.Activation("softmax")), scale, in_few=True)
    assert_equal_bits(network(activation="sigmoid"), scale, in_few=True)  # which Keras treats like a softmax


def test_any_other_end_is_left_to_keras():
    softmax = keras.layers.Activation("softmax")
    another_loss = network(activation="softmax")
    another_loss.compile("sgd", keras.losses.SparseCategoricalCrossentropy(), jit_compile=False)
    for model in (
        another_loss,
        network(activation="softmax", kernel_regularizer="l2"),
        network(activation="relu"),
        network(activation="softmax", dtype="float16"),
        network(keras.layers.Masking(), softmax),
        network(keras.layers.Softmax(), keras.layers.Rescaling(0.5)),
        network(softmax, keras.layers.ActivityRegularization(l2=0.1)),
    ):
        assert_equal_bits(model, 1, in_few=False)

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


def batch(scale: float) -> tuple[tf.Tensor, tf.Tensor]:
    random = np.random.default_rng(0)
    x, y = scale * random.normal(size=[ROWS, 5]), random.integers(CLASSES, size=ROWS)
    return tf.constant(x, tf.float32), tf.constant(y, tf.int32)


@pytest.mark.parametrize(
    "model",
    [
        network(activation="softmax"),
        network(keras.layers.Activation("softmax")),
        network(activation="sigmoid"),  # which Keras treats like a softmax
    ],
)
def test_a_softmax_at_the_end_gives_the_loss_and_the_gradients_of_keras_to_the_bit(model: keras.Model):
    @tf.function(jit_compile=False, autograph=False)  # a graph, as in training
    def ours(x: tf.Tensor, y: tf.Tensor) -> list:
        with tf.GradientTape() as tape:
            loss, start, gradient = loss_of(model, x, y, model(x, training=True))
        assert gradient is not None
        return [loss, *tape.gradient(start, model.trainable_variables, output_gradients=gradient)]

    @tf.function(jit_compile=False, autograph=False)
    def theirs(x: tf.Tensor, y: tf.Tensor) -> list:
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True))
        return [loss, *tape.gradient(loss, model.trainable_variables)]

    for scale in (0, 1e-30, 1, 30, 1e4, 1e20):  # from equal logits to logits at which a probability is 0
        for one, other in zip(ours(*batch(scale)), theirs(*batch(scale)), strict=True):
            assert one.numpy().tobytes() == other.numpy().tobytes()


def test_any_other_end_is_left_to_keras():
    softmax = keras.layers.Activation("softmax")
    another_loss = network(activation="softmax")
    another_loss.compile("sgd", keras.losses.SparseCategoricalCrossentropy(), jit_compile=False)
    x, y = batch(1)
    for model in (
        another_loss,
        network(activation="softmax", kernel_regularizer="l2"),
        network(activation="relu"),
        network(activation="softmax", dtype="float16"),
        network(keras.layers.Masking(), softmax),
        network(keras.layers.Softmax(), keras.layers.Rescaling(0.5)),
        network(softmax, keras.layers.ActivityRegularization(l2=0.1)),
    ):
        y_pred = model(x, training=True)
        loss, start, gradient = loss_of(model, x, y, y_pred)
        assert gradient is None
        assert loss is start
        assert float(loss) == float(model.compute_loss(x, y, y_pred))

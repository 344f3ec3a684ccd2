"""The epoch loop: an epoch as one call into TensorFlow, and Keras's own callbacks around it.

It computes what `keras.Model.fit(..., shuffle=False)` computes on the same rows in the same order, to the bit,
without leaving the graph between two batches, and in fewer operations where a step is made of many small ones.
"""

import math
from collections.abc import Callable

import numpy as np

from stages.base.errors import UserError
from stages.base.params import Logs
from stages.data.images import Images
from stages.training.adam import fused
from stages.training.backend import keras, tf, without_copy
from stages.training.model import evaluation_batch


def row_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch, int32 [rows]: a function of the seed and the epoch (from 0), of nothing before it.

    Keras's `fit` on arrays would shuffle to one and the same order in every epoch once a seed is set.
    """
    order = np.arange(rows, dtype=np.int32)
    np.random.default_rng([seed, epoch]).shuffle(order)  # in place; as `permutation` does
    return order


def epoch_runner(model: keras.Model, train: Images, val: Images, batch_size: int, seed: int) -> Callable[[int], Logs]:
    """A function that trains a compiled model for one epoch (numbered from 0), validates, and returns the logs.

    The images stay in memory as uint8; the last, smaller batch is trained too.
    """
    images, labels = without_copy(train.images), without_copy(train.labels)  # [n, height, width], [n]
    steps, rest = divmod(len(train.labels), batch_size)
    whole = steps * batch_size

    # Not converted: the body is graph code already, and AutoGraph would walk through Keras's sources.
    @tf.autograph.experimental.do_not_convert
    def train_step(rows: tf.Tensor) -> tf.Tensor:
        x, y = tf.gather(images, rows), tf.gather(labels, rows)
        with tf.GradientTape() as tape:
            y_pred = model(x, training=True)  # [rows, classes]
            loss = model.compute_loss(x, y, y_pred)
        update(tape.gradient(loss, model.trainable_variables))
        right = tf.argmax(y_pred, axis=-1, output_type=tf.int32) == tf.cast(y, tf.int32)
        return tf.stack([loss * rows.shape[0], tf.reduce_sum(tf.cast(right, tf.float32))])

    # The sums of Keras's metrics, in their order and as float32, without their forty operations a step.
    @tf.function(jit_compile=False)
    def train_epoch(order: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(2)  # of losses, of right predictions
        for step in tf.range(steps):
            sums += train_step(order[step])  # order: [steps, batch_size]
        if rest:  # decided while tracing
            sums += train_step(last)  # [rest]
        return sums

    val_images, val_labels = without_copy(val.images), without_copy(val.labels)
    at_once = evaluation_batch(model)

    @tf.autograph.experimental.do_not_convert
    def test_step(start: tf.Tensor | int, rows: int) -> None:
        model.test_step((val_images[start : start + rows], val_labels[start : start + rows]))

    # A loop in the graph, one batch after the other: unrolled, all images would be floats at the same time.
    @tf.function(jit_compile=False)
    def validate() -> None:
        rest = len(val.labels) % at_once
        whole = len(val.labels) - rest
        for start in tf.range(0, whole, at_once):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            test_step(start, at_once)
        if rest:
            test_step(whole, rest)

    # Variables cannot be made inside a graph's loop, so all are made here: the metrics', then the optimizer's.
    model.test_step((images[:1], labels[:1]))
    model.optimizer.build(model.trainable_variables)
    update = fused(model.optimizer, model.trainable_variables)

    def batches(epoch: int) -> tuple[tf.Tensor, tf.Tensor]:
        order = row_order(len(train.labels), seed, epoch)
        return tf.constant(order[:whole].reshape(steps, batch_size)), tf.constant(order[whole:])

    def run_epoch(epoch: int) -> Logs:
        sums = train_epoch(*batches(epoch)).numpy()
        loss, accuracy = sums / np.float32(len(train.labels))
        model.reset_metrics()
        validate()
        validation = model.get_metrics_result()
        logs = {"loss": loss, "accuracy": accuracy, **{f"val_{name}": value for name, value in validation.items()}}
        return {name: float(value) for name, value in logs.items()}

    return run_epoch


def run_epochs(
    model: keras.Model,
    run_epoch: Callable[[int], Logs],
    epochs: int,
    callbacks: list[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    """Run up to `epochs` epochs; the callbacks see an epoch's events as in `fit`, and may stop the run.

    Returns:
        Keras's `History.history`: a list a metric, one value an epoch.

    Raises:
        UserError: a loss is not finite any more.
    """
    events = keras.callbacks.CallbackList(callbacks, add_history=True, model=model, epochs=epochs)
    model.stop_training = False
    events.on_train_begin()
    for epoch in range(epochs):
        events.on_epoch_begin(epoch)
        logs = run_epoch(epoch)
        # Before the callbacks: to them a NaN in the first epoch would stay the best for ever.
        if bad := [name for name, value in logs.items() if not math.isfinite(value)]:
            raise UserError(f"epoch {epoch + 1}: {bad[0]} is {logs[bad[0]]}; lower learning_rate")
        events.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    events.on_train_end()
    return model.history.history

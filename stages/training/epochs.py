"""The epoch loop: each epoch is one call into TensorFlow, with Keras's own callbacks between epochs.

It computes the same bits as `keras.Model.fit(..., shuffle=False)` on the same rows in the same order. It is faster
because it does not leave the graph between two batches and replaces many small operations of a step by fewer ones.
"""

import math
from collections.abc import Callable

import numpy as np

from stages.base.errors import UserError
from stages.base.params import METRICS, Logs
from stages.data.images import Images
from stages.training.adam import fused
from stages.training.backend import keras, tf, without_copy
from stages.training.loss import loss_of
from stages.training.model import evaluation_batch


def row_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of the rows in an epoch, int32 [rows]. It depends on the seed and the epoch (from 0) alone.

    Keras's `fit` on arrays would shuffle to the same order in every epoch once a seed is set.
    """
    order = np.arange(rows, dtype=np.int32)
    np.random.default_rng([seed, epoch]).shuffle(order)  # in place; the same order as `permutation`
    return order


def epoch_runner(model: keras.Model, train: Images, val: Images, batch_size: int, seed: int) -> Callable[[int], Logs]:
    """Return a function that trains a compiled model for one epoch (from 0), validates it and returns the logs.

    The images stay in memory as uint8. The last, smaller batch is trained too. As in `fit`, a `batch_size` above the
    number of images means one smaller batch.
    """
    batch_size = min(batch_size, len(train.labels))
    images, labels = without_copy(train.images), without_copy(train.labels)  # [n, height, width], [n]
    val_images, val_labels = without_copy(val.images), without_copy(val.labels)

    # The sums of losses and of right predictions in the order and type (float32) of Keras's metrics, which need forty
    # more operations per step.
    def measured(x: tf.Tensor, y: tf.Tensor, *, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        y = tf.cast(y, tf.int32)
        y_pred = model(x, training=training)  # [rows, classes]
        loss, start, gradient = loss_of(model, x, y, y_pred)
        right = tf.argmax(y_pred, axis=-1, output_type=tf.int32) == y
        return tf.stack([loss * y.shape[0], tf.reduce_sum(tf.cast(right, tf.float32))]), start, gradient

    def train_step(rows: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            sums, start, gradient = measured(tf.gather(images, rows), tf.gather(labels, rows), training=True)
        update(tape.gradient(start, model.trainable_variables, output_gradients=gradient))
        return sums

    def test_step(rows: tf.Tensor) -> tf.Tensor:
        return measured(tf.gather(val_images, rows), tf.gather(val_labels, rows), training=False)[0]

    train_epoch, validate = _sum_over_batches(train_step), _sum_over_batches(test_step)

    # Variables cannot be created inside a loop of the graph.
    model.optimizer.build(model.trainable_variables)
    update = fused(model.optimizer, model.trainable_variables)
    val_batches = _batches(np.arange(len(val.labels), dtype=np.int32), evaluation_batch(model))

    def run_epoch(epoch: int) -> Logs:
        sums = train_epoch(*_batches(row_order(len(train.labels), seed, epoch), batch_size)).numpy()
        val_sums = validate(*val_batches).numpy()
        means = [*(sums / np.float32(len(train.labels))), *(val_sums / np.float32(len(val.labels)))]
        return {name: float(mean) for name, mean in zip(METRICS, means, strict=True)}

    return run_epoch


def _batches(order: np.ndarray, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the rows of the whole batches, int32 [steps, size], and of the last, smaller one, int32 [rest]."""
    whole = len(order) // size * size
    return tf.constant(order[:whole].reshape(-1, size)), tf.constant(order[whole:])


def _sum_over_batches(step: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a graph that sums the results of a step, float32 [2], over all batches of `_batches`."""

    # No AutoGraph: this is graph code already, and AutoGraph would parse Keras's sources.
    @tf.function(jit_compile=False, autograph=False)
    def all_steps(order: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        # One batch after the other: in parallel, all images would be floats at the same time.
        _, sums = tf.while_loop(
            lambda number, _: number < order.shape[0],
            lambda number, sums: (number + 1, sums + step(tf.gather(order, number))),
            (0, tf.zeros(2)),
            parallel_iterations=1,
        )
        return sums + step(last) if last.shape[0] else sums  # a Python condition, decided while tracing

    return all_steps


def run_epochs(
    model: keras.Model,
    run_epoch: Callable[[int], Logs],
    epochs: int,
    callbacks: list[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    """Run up to `epochs` epochs and return Keras's `History.history`: a list per metric with a value per epoch.

    The callbacks see the same events as in `fit` and may stop the run.

    Raises:
        UserError: a metric is not finite.
    """
    events = keras.callbacks.CallbackList(callbacks, add_history=True, model=model, epochs=epochs)
    model.stop_training = False
    events.on_train_begin()
    for epoch in range(epochs):
        events.on_epoch_begin(epoch)
        logs = run_epoch(epoch)
        # Before the callbacks: they would keep a NaN of the first epoch as the best value forever.
        if not_finite := [name for name, value in logs.items() if not math.isfinite(value)]:
            name = not_finite[0]
            raise UserError(f"epoch {epoch + 1}: {name} is {logs[name]}; lower learning_rate")
        events.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    events.on_train_end()
    return model.history.history

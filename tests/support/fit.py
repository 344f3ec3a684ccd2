"""Keras's own `fit` beside the epoch loop, to the bit."""

import math
from collections.abc import Iterator

import numpy as np

from stages.base.params import Params
from stages.data.images import Images
from stages.training.backend import keras
from stages.training.callbacks import lower_learning_rate
from stages.training.epochs import epoch_runner, row_order, run_epochs
from stages.training.model import compiled_model, evaluation_batch

FIT = (  # the beginning of code that a process runs
    "from stages.data.datasets import fashion_mnist, sample\n"
    "from tests.support.fit import assert_equals_fit\n"
    "from tests.support.workspace import head, params\n"
)


def batches(data: Images, batch_size: int, seed: int, epochs: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of all epochs in our order, which `fit` does not know."""
    for epoch in range(epochs):
        order = row_order(len(data.labels), seed, epoch)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            yield data.images[rows], data.labels[rows]


def assert_equals_fit(train: Images, val: Images, params: Params, epochs: int = 2) -> dict[str, list[float]]:
    """Assert that both train to the same metrics, weights, moments and counters; return the history."""

    def callbacks() -> list[keras.callbacks.Callback]:
        lowering = lower_learning_rate(params.monitor, params.lr_patience, params.lr_factor, params.min_delta)
        return [lowering] if lowering else []

    ours, theirs = compiled_model(train, params), compiled_model(train, params)
    batch_size = min(params.batch_size, len(train.labels))
    history = run_epochs(ours, epoch_runner(ours, train, val, batch_size, params.seed), epochs, callbacks())
    fitted = theirs.fit(
        batches(train, batch_size, params.seed, epochs),
        shuffle=False,
        steps_per_epoch=math.ceil(len(train.labels) / batch_size),
        epochs=epochs,
        verbose=0,
        validation_data=(val.images, val.labels),
        validation_batch_size=evaluation_batch(theirs),
        callbacks=callbacks(),
    )
    assert history == fitted.history
    for part in ("variables", "optimizer.variables"):  # weights and Dropout's counter; moments and iterations
        our_variables, their_variables = (
            model.optimizer.variables if part.startswith("optimizer") else model.variables for model in (ours, theirs)
        )
        for one, other in zip(our_variables, their_variables, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=one.path)
    return history

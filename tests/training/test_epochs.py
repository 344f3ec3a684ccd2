"""The epoch loop against Keras's own `fit`, to the bit."""

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.training.backend import keras
from stages.training.epochs import row_order, run_epochs
from stages.training.networks import NETWORKS
from tests.support.fit import assert_equals_fit
from tests.support.workspace import head, params

pytestmark = pytest.mark.trains


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw"},
        {"optimizer": "nadam"},
        {"optimizer": "rmsprop"},
        {"optimizer": "sgd", "batch_size": 500},  # all images are one smaller batch
        {"network": "cnn"},
    ],
    ids=str,
)
def test_the_loop_equals_fit_bit_for_bit_also_where_the_learning_rate_falls(sample_data, monkeypatch, changes: dict):
    """The last batch is smaller, in training (10 images) and in validation (36)."""
    monkeypatch.setitem(NETWORKS, "cnn", NETWORKS["cnn"]._replace(threads=1))  # this process computes with one
    monkeypatch.setattr("stages.training.model.MOST_IMAGES", 64)  # in a batch of validation images
    # no change is as large as min_delta, so the rate falls after each epoch but the first
    falling = params(learning_rate=0.01, lr_patience=1, lr_factor=0.3, patience=None, min_delta=10, **changes)
    history = assert_equals_fit(head(sample_data.train, 330), head(sample_data.test, 100), falling, epochs=3)
    np.testing.assert_allclose(history["learning_rate"], [0.01, 0.01, 0.003], rtol=1e-6)


def test_every_row_is_visited_once_an_epoch_in_an_order_of_its_own():
    orders = [row_order(100, seed=1, epoch=epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(100))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], row_order(100, seed=2, epoch=0))
    np.testing.assert_array_equal(orders[2], row_order(100, seed=1, epoch=2))  # no state between epochs


@pytest.mark.parametrize("values", [[float("nan")], [0.5, float("inf")]])
def test_a_loss_that_is_not_finite_ends_training_at_once_with_the_epoch(values: list[float]):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["loss"])

    with pytest.raises(UserError, match=rf"epoch {len(values)}: loss is (nan|inf); lower learning_rate"):
        run_epochs(keras.Sequential(), lambda epoch: {"loss": values[epoch]}, 5, [Watch()])
    assert seen == values[:-1]

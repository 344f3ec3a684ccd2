"""The epoch loop against Keras's own `fit`, to the bit."""

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.training.backend import keras
from stages.training.epochs import row_order, run_epochs
from tests.support.fit import assert_equals_fit
from tests.support.workspace import head, params

pytestmark = pytest.mark.trains


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_the_loop_equals_fit_bit_for_bit(sample_data, optimizer: str):
    # 1010 images: the last batch has 18; 5000 for validation: two batches
    assert_equals_fit(head(sample_data.train, 1010), head(sample_data.train, 5000), params(optimizer=optimizer))


def test_the_loop_equals_fit_where_all_images_are_one_small_batch(sample_data):
    assert_equals_fit(head(sample_data.train, 50), head(sample_data.test, 10), params(batch_size=64))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])  # fused, and Keras's own
def test_the_loop_equals_fit_where_the_learning_rate_falls(sample_data, optimizer: str):
    # no change is as large as min_delta, so the rate falls after each epoch but the first
    falling = params(optimizer=optimizer, learning_rate=0.01, lr_patience=1, lr_factor=0.3, patience=None, min_delta=10)
    history = assert_equals_fit(head(sample_data.train, 300), head(sample_data.test, 100), falling, epochs=4)
    np.testing.assert_allclose(history["learning_rate"], [0.01, 0.01, 0.003, 0.0009], rtol=1e-6)


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

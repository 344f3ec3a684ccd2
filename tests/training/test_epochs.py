"""The epoch loop against Keras's own `fit`, to the bit."""

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.base.params import METRICS
from stages.data.datasets import digits
from stages.data.images import Images
from stages.training.backend import keras
from stages.training.epochs import epoch_runner, row_order, run_epochs
from stages.training.model import EVALUATION_BATCH, build_model, compile_model, dropout_layer
from tests.support.workspace import head


def compiled(data: Images, optimizer: str = "adam", dropout: float = 0.3) -> keras.Sequential:
    model = build_model(data.images.shape[1:], len(data.classes), 100, dropout_layer(dropout, 7), seed=7)
    compile_model(model, optimizer, 0.001)
    return model


def assert_equals_fit(train: Images, val: Images, optimizer: str, batch_size: int, epochs: int) -> None:
    ours, theirs = compiled(train, optimizer), compiled(train, optimizer)
    history = run_epochs(ours, epoch_runner(ours, train, val, batch_size, seed=7), epochs, [])
    expected: dict[str, list[float]] = {}
    for epoch in range(epochs):
        order = row_order(len(train.labels), 7, epoch)
        fitted = theirs.fit(
            train.images[order],
            train.labels[order],
            batch_size=batch_size,
            shuffle=False,
            verbose=0,
            validation_data=(val.images, val.labels),
            validation_batch_size=EVALUATION_BATCH,
        )
        for name, values in fitted.history.items():
            expected.setdefault(name, []).extend(values)
    assert history == expected
    for part in ("variables", "optimizer.variables"):  # weights and Dropout's counter; moments and iterations
        our_variables, their_variables = (
            model.optimizer.variables if part.startswith("optimizer") else model.variables for model in (ours, theirs)
        )
        for one, other in zip(our_variables, their_variables, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=one.path)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_the_loop_equals_fit_bit_for_bit(real_data, optimizer: str):
    # 1010 images: the last batch has 18; 5000 for validation: two batches
    assert_equals_fit(head(real_data.train, 1010), head(real_data.test, 5000), optimizer, batch_size=32, epochs=2)


def test_the_loop_equals_fit_on_the_embedded_digits():
    data = digits()
    assert_equals_fit(data.train, data.test, "adam", batch_size=32, epochs=2)


def test_the_loop_equals_fit_where_all_images_are_one_small_batch(real_data):
    assert_equals_fit(head(real_data.train, 50), head(real_data.test, 10), "adam", batch_size=64, epochs=2)


@pytest.mark.acceptance
def test_the_loop_equals_fit_on_all_images(real_data):
    assert_equals_fit(real_data.train, real_data.test, "adam", batch_size=32, epochs=2)


def test_every_row_is_visited_once_an_epoch_in_an_order_of_its_own():
    orders = [row_order(100, seed=1, epoch=epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order) == list(range(100))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], row_order(100, seed=2, epoch=0))
    np.testing.assert_array_equal(orders[2], row_order(100, seed=1, epoch=2))  # no state between epochs


def test_the_history_has_the_notes_four_keys(real_data):
    data = head(real_data.train, 64)
    model = compiled(data)
    history = run_epochs(model, epoch_runner(model, data, data, 32, seed=1), 2, [])
    assert set(history) == set(METRICS) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert all(len(values) == 2 for values in history.values())


@pytest.mark.parametrize("values", [[float("nan")], [0.5, float("inf")]])
def test_a_loss_that_is_not_finite_ends_training_at_once_with_the_epoch(values: list[float]):
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["loss"])

    with pytest.raises(UserError, match=rf"epoch {len(values)}: loss is (nan|inf); lower learning_rate"):
        run_epochs(keras.Sequential(), lambda epoch: {"loss": values[epoch]}, 5, [Watch()])
    assert seen == values[:-1]

"""Measured models against Keras, and models that disagree. tests/test_wrong_input.py damages saved models."""

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.data.images import Images
from stages.evaluation.saved_models import check_saved_models, measure, measure_and_predict, predict, size_of
from stages.training.backend import keras
from stages.training.model import compile_model, compiled_model, evaluation_batch
from stages.training.networks import NETWORKS, cnn
from tests.support.workspace import params

RNG = np.random.default_rng(0)


def random_images(count: int, *shape: int) -> Images:
    pixels, labels = RNG.integers(0, 256, (count, *shape)), RNG.integers(0, 3, count)
    return Images(pixels.astype(np.uint8), labels.astype(np.uint8), np.array([*"abc"]))


FEW = random_images(50, 8, 8)


def own(shape: tuple[int, ...], *_: object) -> keras.Model:
    """Return a network with layers that depend on the batch and with both kinds of regularization."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Rescaling(1 / 255),  # or a probability of 0 would make the loss a matter of rounding
            layers.Flatten(),
            layers.Dense(5, kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax"),
        ]
    )


@pytest.mark.trains
@pytest.mark.parametrize("build", [*(network.build for network in NETWORKS.values()), own])
def test_one_pass_gives_what_evaluate_and_predict_of_keras_give_to_the_bit(monkeypatch, build):
    monkeypatch.setattr("stages.training.model.MOST_IMAGES", 64)  # in a batch
    many, few = random_images(1000, 8, 8, 3), random_images(10, 8, 8, 3)  # the last batch is smaller
    model = build((8, 8, 3), 3, params())
    compile_model(model, "adam", 0.001)
    size = evaluation_batch(model)
    for data in (many, few):
        measured, probabilities = measure_and_predict(model, data)
        found = model.evaluate(data.images, data.labels, batch_size=size, verbose=0, return_dict=True)
        assert measured.accuracy == found["accuracy"]
        if build == own:  # Keras's loss includes the penalties
            cross_entropy = keras.losses.sparse_categorical_crossentropy(data.labels, probabilities)
            assert measured.loss == pytest.approx(float(np.mean(cross_entropy)), rel=1e-5)
            assert measured.loss + measured.penalty == pytest.approx(found["loss"], rel=1e-6)
        else:
            assert (measured.loss, measured.penalty) == (found["loss"], None)
        np.testing.assert_array_equal(probabilities, model.predict(data.images, batch_size=size, verbose=0))
        np.testing.assert_array_equal(probabilities, predict(model, data.images))


def test_a_model_is_measured_with_its_current_weights():
    model = compiled_model(FEW, params())
    before = measure(model, FEW)
    model.set_weights([weights * 0 for weights in model.get_weights()])
    assert measure(model, FEW) != before


def test_models_of_different_trainings_disagree():
    one, other = compiled_model(FEW, params(seed=1)), compiled_model(FEW, params(seed=2))
    assert check_saved_models(one, one, FEW) == measure(one, FEW)
    with pytest.raises(UserError, match="disagree"):
        check_saved_models(one, other, FEW)


def test_the_size_of_a_model_counts_a_product_and_a_sum_as_two_operations():
    size = size_of(cnn((28, 28), 10, params()))
    assert size.parameters == 320 + 18_496 + 7 * 7 * 64 * 100 + 100 + 1_010
    products = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64 + 7 * 7 * 64 * 100 + 100 * 10
    assert 2 * products < size.operations < 2.1 * products

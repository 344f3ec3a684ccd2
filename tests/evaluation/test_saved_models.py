"""What is measured of a saved model."""

import numpy as np
import pytest

from stages.data.images import Images
from stages.evaluation.saved_models import measure, predict
from stages.training.backend import keras
from stages.training.model import compile_model, compiled_model, evaluation_batch
from stages.training.networks import NETWORKS, dropout_layer
from tests.support.workspace import params

RNG = np.random.default_rng(0)


def random_images(count: int, *shape: int) -> Images:
    pixels, labels = RNG.integers(0, 256, (count, *shape)), RNG.integers(0, 3, count)
    return Images(pixels.astype(np.uint8), labels.astype(np.uint8), np.array([*"abc"]))


MANY = random_images(9_000, 8, 8)  # two whole batches, and a smaller one
FEW = random_images(100, 8, 8)
COLOURED = random_images(5_000, 8, 8, 3)


def own(shape: tuple[int, ...]) -> keras.Model:
    """A reader's own network, with what depends on a batch, and with both kinds of penalty."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Flatten(),
            layers.Dense(5, kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3, "softmax"),
        ]
    )


@pytest.mark.trains
@pytest.mark.parametrize("network", ["dense", "cnn", "own"])
def test_one_pass_gives_what_evaluate_and_predict_of_keras_give_to_the_bit(network: str):
    for sets in ([MANY, FEW], [COLOURED]):
        shape = sets[0].images.shape[1:]
        model = own(shape) if network == "own" else NETWORKS[network].build(shape, 3, params(), dropout_layer(0.3, 42))
        compile_model(model, "adam", 0.001)
        size = evaluation_batch(model)
        for data in sets:
            probabilities = np.empty((len(data.labels), 3), np.float32)
            measured = measure(model, data, out=probabilities)
            found = model.evaluate(data.images, data.labels, batch_size=size, verbose=0, return_dict=True)
            assert measured.model_dump() == found
            np.testing.assert_array_equal(probabilities, model.predict(data.images, batch_size=size, verbose=0))
            np.testing.assert_array_equal(probabilities, predict(model, data.images))


def test_what_is_measured_is_the_weights_that_a_model_has_by_then():
    model = compiled_model(FEW, params())
    before = measure(model, FEW)
    model.set_weights([weights * 0 for weights in model.get_weights()])
    assert measure(model, FEW) != before

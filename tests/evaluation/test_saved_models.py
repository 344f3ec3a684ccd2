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
MANY = Images(  # two whole batches of the dense network, and a smaller one
    RNG.integers(0, 256, (9_000, 8, 8)).astype(np.uint8), RNG.integers(0, 3, 9_000).astype(np.uint8), np.array([*"abc"])
)
FEW = Images(MANY.images[:100], MANY.labels[:100], MANY.classes)


@pytest.mark.trains
@pytest.mark.parametrize("network", ["dense", "cnn"])
def test_one_pass_gives_what_evaluate_and_predict_of_keras_give_to_the_bit(network: str):
    model = NETWORKS[network].build((8, 8), 3, params(), dropout_layer(0.3, 42))  # both with one thread
    compile_model(model, "adam", 0.001)
    size = evaluation_batch(model)
    for data in (MANY, FEW):
        measured, probabilities = measure(model, data)
        found = model.evaluate(data.images, data.labels, batch_size=size, verbose=0, return_dict=True)
        assert measured.model_dump() == found
        np.testing.assert_array_equal(probabilities, model.predict(data.images, batch_size=size, verbose=0))
        np.testing.assert_array_equal(probabilities, predict(model, data.images))


def test_it_measures_the_weights_that_a_model_has_by_then_and_a_penalty_with_them():
    model = compiled_model(FEW, params())
    before, _ = measure(model, FEW)
    model.set_weights([weights * 0 for weights in model.get_weights()])
    assert measure(model, FEW)[0] != before

    layers = [keras.layers.Flatten(), keras.layers.Dense(3, "softmax", kernel_regularizer="l2")]
    penalized = keras.Sequential([keras.Input((8, 8)), *layers])
    penalized.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    assert measure(penalized, FEW)[0].model_dump() == penalized.evaluate(*FEW[:2], verbose=0, return_dict=True)

"""The network of the notes: layers, seeds, optimizers, and saving."""

import numpy as np
import pytest

from stages.training.backend import keras
from stages.training.model import compile_model
from stages.training.networks import dense
from tests.support.workspace import params

PIXELS = np.random.default_rng(0).integers(0, 256, (64, 28, 28)).astype(np.uint8)  # [n, height, width]
LABELS = np.random.default_rng(1).integers(0, 10, 64).astype(np.uint8)  # [n]


def notes_model(dropout: float = 0.3, seed: int = 42) -> keras.Sequential:
    return dense((28, 28), 10, params(seed=seed, dropout=dropout))


def kinds(model: keras.Sequential) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_the_network_is_the_notes_with_the_optional_layer_between_the_dense_ones():
    assert kinds(notes_model(dropout=0)) == ["Rescaling", "Flatten", "Dense", "Dense"]
    assert kinds(notes_model(dropout=0.3)) == ["Rescaling", "Flatten", "Dense", "Dropout", "Dense"]
    model = notes_model()
    hidden, output = model.get_layer("hidden"), model.get_layer("output")
    assert (hidden.units, hidden.activation.__name__) == (100, "relu")
    assert (output.units, output.activation.__name__) == (10, "softmax")
    assert model.count_params() == 784 * 100 + 100 + 100 * 10 + 10


def test_raw_pixels_are_divided_by_255_inside_the_model():
    result = np.asarray(notes_model().get_layer("scale")(PIXELS))
    np.testing.assert_allclose(result, PIXELS / 255.0, rtol=1e-6)
    assert result.dtype == np.float32


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_each_optimizer_is_keras_own_with_the_learning_rate_given(optimizer: str):
    model = notes_model()
    compile_model(model, optimizer, 0.01)
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert model.jit_compile is False

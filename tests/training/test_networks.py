"""The networks of the project."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from stages.base.params import TrainingParams
from stages.training.backend import keras
from stages.training.networks import NETWORKS, cnn, dense
from tests.support.fit import FIT
from tests.support.made import made, needs_emulator, run_code
from tests.support.workspace import new_workspace, params


def kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_each_network_has_its_name_in_the_parameters():
    assert set(get_args(TrainingParams.model_fields["network"].annotation)) == set(NETWORKS)


def test_dense_is_the_network_of_the_notes_with_the_optional_layer_between_the_dense_ones():
    model = dense((28, 28), 10, params(dropout=0.3))
    assert kinds(model) == ["Rescaling", "Flatten", "Dense", "Dropout", "Dense"]
    assert kinds(dense((28, 28), 10, params(dropout=0))) == ["Rescaling", "Flatten", "Dense", "Dense"]
    hidden, output = model.get_layer("hidden"), model.get_layer("output")
    assert (hidden.units, hidden.activation.__name__) == (100, "relu")
    assert (output.units, output.activation.__name__) == (10, "softmax")
    assert model.count_params() == 784 * 100 + 100 + 100 * 10 + 10


def test_raw_pixels_are_divided_by_255_inside_the_model():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    result = np.asarray(dense((16, 16), 10, params()).get_layer("scale")(pixels))
    np.testing.assert_allclose(result, pixels / 255.0, rtol=1e-6)
    assert result.dtype == np.float32


def test_the_convolutions_come_before_the_layers_of_the_notes():
    model = cnn((28, 28), 10, params(dropout=0.4))
    convolution = ["Conv2D", "MaxPooling2D"]
    assert kinds(model) == ["Rescaling", "Reshape", *convolution * 2, "Flatten", "Dense", "Dropout", "Dense"]
    assert model.count_params() == 320 + 18_496 + 313_700 + 1_010
    assert cnn((28, 28, 3), 10, params()).count_params() == model.count_params() + 2 * 9 * 32


def test_each_of_its_random_parts_has_a_seed_of_its_own():
    def weights(seed: int) -> list[np.ndarray]:
        return cnn((8, 8), 10, params(seed=seed)).get_weights()[::2]

    for first, again, other in zip(weights(1), weights(1), weights(2), strict=True):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
    seeds = re.findall(r"'seed': (\d+)", str(cnn((8, 8), 10, params()).get_config()))
    assert len(seeds) == len(set(seeds)) == 5


@needs_emulator
@pytest.mark.acceptance
@pytest.mark.parametrize("cpu", ["Haswell", "EPYC"])
def test_convolutions_have_the_same_bytes_on_another_processor(tmp_path: Path, cpu: str):
    few = {"dataset": "sample", "limit": 300, "network": "cnn", "epochs": 2}
    assert made(tmp_path / "there", few, cpu=cpu) == made(tmp_path / "here", few)


@pytest.mark.acceptance
def test_the_loop_equals_fit_with_convolutions_on_all_images(real_data, tmp_path: Path):
    new_workspace(tmp_path)
    run_code(tmp_path, f"{FIT}data = fashion_mnist(); assert_equals_fit(data.train, data.test, params(network='cnn'))")

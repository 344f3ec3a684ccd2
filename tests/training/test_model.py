"""Models from any network: the same one each time, compiled, and measured in batches of the right size."""

import json

import numpy as np
import pytest

from stages.base.errors import ProjectError, UserError
from stages.base.params import LEAST_SIZE
from stages.data.images import Images
from stages.training.backend import keras, threads, use_threads
from stages.training.model import MOST_IMAGES, build_model, compiled_model, evaluation_batch
from stages.training.networks import NETWORKS, cnn, dense
from tests.support.workspace import params


def blank(*shape: int) -> Images:
    return Images(np.zeros((1, *shape), np.uint8), np.zeros(1, np.uint8), np.array(["a", "b"]))


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "nadam", "rmsprop"])
def test_each_optimizer_is_keras_own_with_the_learning_rate_given(optimizer: str):
    model = compiled_model(blank(4, 4), params(optimizer=optimizer, learning_rate=0.01))
    assert type(model.optimizer).__name__.lower() == optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert model.jit_compile is False


def test_images_too_small_for_a_network_are_one_line(monkeypatch):
    monkeypatch.setitem(NETWORKS, "dense", NETWORKS["cnn"]._replace(threads=1))
    with pytest.raises(UserError, match=r"^params.yaml: network: dense cannot be made for images of 3 x 3: "):
        build_model(blank(3, 3), params())
    assert build_model(blank(LEAST_SIZE["cnn"], LEAST_SIZE["cnn"]), params()).built


@pytest.mark.parametrize(
    ("network", "shape", "hidden_units", "batch"),
    [
        (dense, (28, 28), 100, 4096),
        (dense, (2, 2), 10_000, 4096),
        (dense, (512, 512, 3), 1, 32),
        (cnn, (28, 28), 100, 1024),
    ],
)
def test_the_evaluation_batch_follows_from_the_widest_layer(network, shape, hidden_units, batch):
    assert evaluation_batch(network(shape, 10, params(hidden_units=hidden_units))) == batch


def test_a_network_inside_another_one_counts():
    inner = keras.Sequential([keras.Input((10,)), keras.layers.Dense(20_000), keras.layers.Dense(1)])
    assert evaluation_batch(keras.Sequential([keras.Input((10,)), inner])) == 2048
    assert evaluation_batch(keras.Sequential([keras.Input((10**8,)), keras.layers.Flatten()])) == 1
    assert evaluation_batch(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])) == MOST_IMAGES


def test_layers_without_seed_and_name_are_the_same_each_time(monkeypatch):
    def plain(shape, classes, params) -> keras.Model:
        pixels = keras.Input(shape, dtype="uint8")
        hidden = keras.layers.Dense(3)(keras.layers.Flatten()(pixels))
        return keras.Model(pixels, keras.layers.Dense(classes)(keras.layers.Dropout(0.5)(hidden)))

    monkeypatch.setitem(NETWORKS, "dense", NETWORKS["dense"]._replace(build=plain))
    first, again, other = (build_model(blank(4, 4), params(seed=seed)) for seed in (1, 1, 2))
    assert json.dumps(first.get_config()) == json.dumps(again.get_config())
    for one, same, different in zip(first.variables, again.variables, other.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(same))
        assert one.shape in ((2,), (3,)) or not np.array_equal(np.asarray(one), np.asarray(different))


def test_a_process_computes_with_one_number_of_threads():
    keras.ops.zeros(1)  # or none would be fixed yet
    use_threads(1)
    with pytest.raises(ProjectError, match="1 threads"):
        use_threads(2)
    assert threads() == 1

"""The networks of the project."""

import json
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from stages.base.errors import ProjectError, UserError
from stages.base.params import LEAST_SIZE, TrainingParams
from stages.data.images import Images
from stages.training.backend import keras, threads, use_threads
from stages.training.model import MOST_IMAGES, build_model, evaluation_batch
from stages.training.networks import NETWORKS, cnn, dense
from tests.support.fit import FIT
from tests.support.made import STAGES, made, needs_emulator, outputs_in, run_code
from tests.support.workspace import ROOT, new_workspace, params, read_json

CNN = {"dataset": "sample", "limit": 300, "network": "cnn", "epochs": 2}


def blank(*shape: int) -> Images:
    return Images(np.zeros((1, *shape), np.uint8), np.zeros(1, np.uint8), np.array(["a", "b"]))


def kinds(model: keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_each_network_has_its_name_in_the_parameters():
    assert set(get_args(TrainingParams.model_fields["network"].annotation)) == set(NETWORKS)


def test_the_convolutions_come_before_the_layers_of_the_notes():
    model = cnn((28, 28), 10, params(dropout=0.4))
    convolution = ["Conv2D", "MaxPooling2D"]
    assert kinds(model) == ["Rescaling", "Reshape", *convolution * 2, "Flatten", "Dense", "Dropout", "Dense"]
    assert model.count_params() == 320 + 18_496 + 313_700 + 1_010
    assert "Dropout" not in kinds(cnn((28, 28), 10, params(dropout=0)))
    assert cnn((28, 28, 3), 10, params()).count_params() == model.count_params() + 2 * 9 * 32


def test_each_of_its_random_parts_has_a_seed_of_its_own():
    def weights(seed: int) -> list[np.ndarray]:
        return cnn((8, 8), 10, params(seed=seed)).get_weights()[::2]

    for first, again, other in zip(weights(1), weights(1), weights(2), strict=True):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
    seeds = re.findall(r"'seed': (\d+)", str(cnn((8, 8), 10, params()).get_config()))
    assert len(seeds) == len(set(seeds)) == 5


def test_images_too_small_for_a_network_are_one_line(monkeypatch):
    monkeypatch.setitem(NETWORKS, "dense", NETWORKS["cnn"]._replace(threads=1))
    with pytest.raises(UserError, match=r"^params.yaml: network: dense cannot be made for images of 3 x 3: "):
        build_model(blank(3, 3), params())
    assert build_model(blank(LEAST_SIZE["cnn"], LEAST_SIZE["cnn"]), params()).built


@pytest.mark.parametrize(
    ("network", "shape", "hidden_units", "batch"),
    [
        (dense, (28, 28), 100, 4096),
        (dense, (28, 28), 10_000, 4096),
        (dense, (512, 512, 3), 100, 32),
        (cnn, (28, 28), 100, 1024),
    ],
)
def test_the_evaluation_batch_follows_from_the_widest_layer(network, shape, hidden_units, batch):
    assert evaluation_batch(network(shape, 10, params(hidden_units=hidden_units))) == batch


def test_a_network_inside_another_one_counts():
    inner = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(20_000), keras.layers.Dense(1)])
    model = keras.Sequential([keras.Input((1000,)), inner])
    assert evaluation_batch(model) == 2048
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


@pytest.fixture(scope="module")
def convolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All stages run with it, on the sample."""
    folder = tmp_path_factory.mktemp("cnn") / "convolved"
    made(folder, CNN)
    return folder


@pytest.mark.process
def test_all_stages_run_with_convolutions_and_are_the_same_the_next_time(convolved: Path):
    before = outputs_in(convolved)
    run_code(convolved, STAGES)  # with every epoch read back; the next test computes them
    assert outputs_in(convolved) == before
    evaluation, train = (read_json(convolved / f"metrics/{name}.json") for name in ("evaluation", "train"))
    assert evaluation["validation"]["loss"] == train["val_loss"]  # in the same steps, so to the bit
    assert evaluation["model"]["parameters"] == 320 + 18_496 + 7 * 7 * 64 * 100 + 100 + 1_010
    products = 28 * 28 * 9 * 32 + 14 * 14 * 9 * 32 * 64 + 7 * 7 * 64 * 100 + 100 * 10
    assert 2 * products < evaluation["model"]["operations"] < 2.1 * products
    assert "two convolutions (32 and 64 filters, 3 x 3)" in (convolved / "models/CARD.md").read_text(encoding="utf-8")


@pytest.mark.process
def test_the_threads_of_the_machine_decide_nothing(convolved: Path, tmp_path: Path):
    surroundings = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "3", "TF_NUM_INTEROP_THREADS": "5"}
    assert made(tmp_path / "other", CNN, **surroundings) == outputs_in(convolved)


@needs_emulator
@pytest.mark.acceptance
@pytest.mark.parametrize("cpu", ["Haswell", "EPYC"])
def test_convolutions_have_the_same_bytes_on_another_processor(convolved: Path, tmp_path: Path, cpu: str):
    assert made(tmp_path / "there", CNN, cpu=cpu) == outputs_in(convolved)


@pytest.mark.process
def test_the_loop_equals_fit_with_convolutions(tmp_path: Path):
    falling = "params(network='cnn', lr_patience=1, lr_factor=0.3, patience=None, min_delta=10)"
    new_workspace(tmp_path)
    run_code(
        tmp_path,
        f"{FIT}data = sample(); assert_equals_fit(head(data.train, 330), head(data.test, 330), {falling}, epochs=3)",
    )


@pytest.mark.acceptance
def test_the_loop_equals_fit_with_convolutions_on_all_images(real_data, tmp_path: Path):
    shutil.copytree(ROOT / "data", tmp_path / "data", ignore=shutil.ignore_patterns("prepared", "examples"))
    run_code(tmp_path, f"{FIT}data = fashion_mnist(); assert_equals_fit(data.train, data.test, params(network='cnn'))")

"""The train stage on the sample, in one process, without DVC."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stages import prepare, train
from stages.base.params import OF_A_FOLDER, Params
from stages.data.images import PREPARED, load_images
from stages.evaluation.saved_models import measure
from stages.training.backend import keras
from tests.support.workspace import history, new_workspace, read_json, run_stages, work_in_a_copy

pytestmark = pytest.mark.trains


def test_train_keeps_the_best_epoch_and_stops_after_it(workspace, capsys):
    Path("plots").mkdir()
    run_stages(workspace, prepare, train, epochs=40, learning_rate=0.03)
    metrics, values = read_json("metrics/train.json"), history()
    assert metrics["stopped_early"]
    assert metrics["stopped_epoch"] == metrics["epochs"] == metrics["best_epoch"] + 2  # patience
    assert metrics["val_loss"] == min(values["val_loss"]) == values["val_loss"][metrics["best_epoch"] - 1]
    assert list(values) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert values["epoch"] == list(range(1, metrics["epochs"] + 1))

    # the checkpoint, the whole model and the weights are all that epoch
    val = load_images(PREPARED, "val")
    best, whole = (keras.models.load_model(f"models/{name}.keras") for name in ("best-model", "model_whole"))
    assert measure(best, val).model_dump() == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}
    for one, other in zip(best.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"epoch {metrics['best_epoch']}" in capsys.readouterr().out.splitlines()[-1]


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Path:
    """A folder with the outputs of prepare and train; tests must not change it."""
    folder = tmp_path_factory.mktemp("usual")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new_workspace(folder)
        run_stages(folder, prepare, train, epochs=3)
    return folder


@pytest.fixture
def copy(usual: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of it, made the current folder."""
    return work_in_a_copy(usual, tmp_path, monkeypatch)


UNTIL_THE_END = {"monitor": "loss", "min_delta": 10.0, "patience": None}  # no epoch is better than the first
CHANGES = [  # a parameter, another value, and others with which it makes a difference
    ("dropout", 0.6, {}),
    ("hidden_units", 50, {}),
    ("optimizer", "rmsprop", {}),
    ("learning_rate", 0.01, {}),
    ("batch_size", 64, {}),
    ("epochs", 2, {}),
    ("seed", 1, {}),
    ("val_size", 0.3, {}),
    ("split_seed", 1, {}),
    ("limit", 500, {}),
    ("lr_patience", 1, UNTIL_THE_END),
    ("lr_factor", 0.1, UNTIL_THE_END | {"lr_patience": 1}),
    ("patience", 1, UNTIL_THE_END),
    ("min_delta", 10.0, {"patience": 1}),
    ("monitor", "loss", {"learning_rate": 0.3}),
    ("restore_best_weights", False, {"learning_rate": 0.3}),
    ("save_best_only", False, {"learning_rate": 0.3}),
]
OF_PREPARE = ("val_size", "split_seed", "limit")


@pytest.mark.parametrize(("name", "value", "others"), CHANGES, ids=[change[0] for change in CHANGES])
def test_each_parameter_makes_a_difference(copy: Path, name: str, value: object, others: dict):
    def outputs() -> list[bytes]:
        folders = ("models", "plots", "metrics")
        return [path.read_bytes() for folder in folders for path in sorted(Path(folder).glob("*.[ckh]*"))]

    if others:
        run_stages(copy, train, epochs=3, **others)
    before = outputs()
    run_stages(copy, *([prepare] if name in OF_PREPARE else []), train, **({"epochs": 3} | others | {name: value}))
    assert outputs() != before


def test_every_parameter_of_prepare_and_train_is_in_that_table():
    assert {name for name, _, _ in CHANGES} == set(Params.model_fields) - {"dataset", "network", *OF_A_FOLDER}


def test_a_learning_rate_that_falls_is_in_the_history_and_shares_the_epochs_before(copy: Path, capsys):
    falling = UNTIL_THE_END | {"epochs": 4, "lr_patience": 1, "lr_factor": 0.1}
    run_stages(copy, train, **falling)
    assert history()["learning_rate"] == [0.001, 0.001, 0.0001, 0.00001]
    assert "epochs 1-2 read back" in capsys.readouterr().out
    run_stages(copy, train, epochs=3)  # both have records of their own
    assert "epochs 1-3 read back" in capsys.readouterr().out
    assert "learning_rate" not in history()


def test_seed_decides_the_order_of_the_images(workspace, monkeypatch):
    seeds = []

    def row_order(rows, seed, epoch):
        seeds.append(seed)
        return np.arange(rows)

    monkeypatch.setattr("stages.training.epochs.row_order", row_order)
    run_stages(workspace, prepare, train, epochs=1, seed=7)
    assert seeds == [7]


@pytest.mark.parametrize(
    ("monitor", "epochs", "best"), [("loss", 5, 5), ("accuracy", 5, 5), ("val_loss", 3, 1), ("val_accuracy", 3, 1)]
)
def test_the_monitor_decides_when_training_stops(copy: Path, monkeypatch, monitor: str, epochs: int, best: int):
    def overfitting(*arguments):  # better and better in training, worse and worse in validation
        return lambda epoch: {
            "loss": 1 - epoch / 10,
            "accuracy": 0.5 + epoch / 10,
            "val_loss": 1 + epoch / 10,
            "val_accuracy": 0.5 - epoch / 10,
        }

    monkeypatch.setattr("stages.training.epochs.epoch_runner", overfitting)
    shutil.rmtree("models/.epochs")
    run_stages(copy, train, epochs=5, patience=2, monitor=monitor)
    metrics = read_json("metrics/train.json")
    assert (metrics["epochs"], metrics["best_epoch"]) == (epochs, best)


def test_train_without_early_stopping_runs_all_epochs(copy: Path):
    changes = {"patience": None, "dropout": 0, "save_best_only": False, "optimizer": "adamw"}
    run_stages(copy, train, epochs=2, **changes)
    metrics = read_json("metrics/train.json")
    assert (metrics["epochs"], metrics["stopped_early"], metrics["stopped_epoch"]) == (2, False, None)
    assert metrics["best_epoch"] == 2  # the last, since save_best_only is off
    model = keras.models.load_model("models/best-model.keras")
    assert "dropout" not in [layer.name for layer in model.layers]
    assert model.optimizer.name == "adamw"

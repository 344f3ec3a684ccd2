"""The train stage on the digits, in one process, without DVC."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stages import evaluate, plot, prepare, train
from stages.base.params import OF_A_FOLDER, Params
from stages.data.images import load_images
from stages.evaluation.saved_models import measure
from stages.training.backend import keras
from stages.training.keras_files import make_canonical
from tests.support.workspace import history, read_json, run_stages

pytestmark = pytest.mark.trains


def test_the_table_of_the_last_training_has_its_epochs(workspace):
    Path("plots").mkdir()
    run_stages(workspace, prepare, train, epochs=2)
    assert train.LIVE.read_bytes() == Path("plots/history.csv").read_bytes()


def test_train_says_which_epoch_it_keeps_and_keeps_it(workspace, capsys):
    run_stages(workspace, prepare, train, epochs=40, learning_rate=0.03)
    metrics, values = read_json("metrics/train.json"), history()
    assert metrics["stopped_early"]
    assert metrics["stopped_epoch"] == metrics["epochs"] == metrics["best_epoch"] + 2  # patience
    assert metrics["val_loss"] == min(values["val_loss"]) == values["val_loss"][metrics["best_epoch"] - 1]
    assert list(values) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert values["epoch"] == list(range(1, metrics["epochs"] + 1))

    # the checkpoint, the whole model and the weights are all that epoch
    val = load_images(Path("data/prepared/val.npz"))
    best, whole = (keras.models.load_model(f"models/{name}.keras") for name in ("best-model", "model_whole"))
    assert measure(best, val).model_dump() == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}
    for one, other in zip(best.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    printed = capsys.readouterr().out
    assert "Total params: 7,510" in printed  # the summary
    assert (
        f"stopped after epoch {metrics['stopped_epoch']}: val_loss no better for 2 epochs in a row\n"
        f"models/best-model.keras keeps epoch {metrics['best_epoch']}" in printed
    )


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
    ("lr_patience", 1, {"monitor": "loss", "min_delta": 10.0, "patience": None}),
    ("lr_factor", 0.1, {"monitor": "loss", "min_delta": 10.0, "patience": None, "lr_patience": 1}),
    ("patience", 1, {"monitor": "loss", "min_delta": 10.0}),
    ("min_delta", 10.0, {"patience": 1}),
    ("monitor", "loss", {"learning_rate": 0.3}),
    ("restore_best_weights", False, {"learning_rate": 0.3}),
    ("save_best_only", False, {"learning_rate": 0.3}),
]


@pytest.mark.parametrize(("name", "value", "others"), CHANGES, ids=[change[0] for change in CHANGES])
def test_each_parameter_makes_a_difference(workspace, name, value, others):
    def outputs() -> list[bytes]:
        folders = ("models", "plots", "metrics")
        return [path.read_bytes() for folder in folders for path in sorted(Path(folder).glob("*.*")) if path.is_file()]

    usual = {"epochs": 4} | others
    run_stages(workspace, prepare, train, **usual)
    before = outputs()
    run_stages(workspace, prepare, train, **(usual | {name: value}))
    assert outputs() != before


def test_every_parameter_of_prepare_and_train_is_in_that_table():
    assert {name for name, _, _ in CHANGES} == set(Params.model_fields) - {"dataset", "network", *OF_A_FOLDER}


def test_a_learning_rate_that_falls_is_told_and_written_down(workspace, capsys):
    usual = {"epochs": 4, "monitor": "loss", "min_delta": 10.0, "patience": None, "learning_rate": 0.01}
    run_stages(workspace, prepare, train, evaluate, plot, **usual)
    assert "learning_rate" not in history()
    run_stages(workspace, train, evaluate, plot, **usual, lr_patience=1, lr_factor=0.1)
    assert history()["learning_rate"] == [0.01, 0.01, 0.001, 0.0001]
    printed = capsys.readouterr().out
    assert "  learning rate 0.01 -> 0.001\n" in printed
    assert "epochs 1-2 read back (computed before, in models/.epochs), 3-4 computed" in printed
    run_stages(workspace, train, **usual)  # both have records of their own, and no one has damaged any
    assert "epochs 1-4 read back" in (ended := capsys.readouterr()).out
    assert "damaged" not in ended.err


def test_the_order_of_the_images_is_the_seeds(workspace, monkeypatch):
    seeds = []

    def row_order(rows, seed, epoch):
        seeds.append(seed)
        return np.arange(rows)

    monkeypatch.setattr("stages.training.epochs.row_order", row_order)
    run_stages(workspace, prepare, train, epochs=1, seed=7)
    assert seeds == [7]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_saved_model_has_the_optimizer_of_the_parameters(workspace, optimizer: str):
    run_stages(workspace, prepare, train, epochs=1, optimizer=optimizer, learning_rate=0.02)
    model = keras.models.load_model("models/model_whole.keras")
    assert model.optimizer.name == optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)


def test_the_monitor_decides_which_epoch_is_kept(workspace):
    for monitor in ("val_loss", "val_accuracy", "loss", "accuracy"):
        run_stages(workspace, prepare, train, epochs=12, learning_rate=0.1, patience=2, monitor=monitor)
        metrics, values = read_json("metrics/train.json"), history()
        best = (min if monitor.endswith("loss") else max)(values[monitor])
        assert metrics[monitor] == best
        val = load_images(Path("data/prepared/val.npz"))
        kept = measure(keras.models.load_model("models/best-model.keras"), val).model_dump()
        assert kept == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}


@pytest.mark.parametrize(
    ("monitor", "epochs", "best"), [("loss", 5, 5), ("accuracy", 5, 5), ("val_loss", 3, 1), ("val_accuracy", 3, 1)]
)
def test_the_monitor_decides_when_training_stops(workspace, monkeypatch, monitor: str, epochs: int, best: int):
    def overfitting(*arguments):  # better and better in training, worse and worse in validation
        return lambda epoch: {
            "loss": 1 - epoch / 10,
            "accuracy": 0.5 + epoch / 10,
            "val_loss": 1 + epoch / 10,
            "val_accuracy": 0.5 - epoch / 10,
        }

    monkeypatch.setattr("stages.training.epochs.epoch_runner", overfitting)
    run_stages(workspace, prepare, train, epochs=5, patience=2, monitor=monitor)
    metrics = read_json("metrics/train.json")
    assert (metrics["epochs"], metrics["best_epoch"]) == (epochs, best)


def test_train_without_early_stopping_runs_all_epochs(workspace, capsys):
    run_stages(workspace, prepare, train, epochs=2, patience=None, dropout=0, save_best_only=False)
    metrics = read_json("metrics/train.json")
    assert (metrics["epochs"], metrics["stopped_early"], metrics["stopped_epoch"]) == (2, False, None)
    assert metrics["best_epoch"] == 2  # the last, since save_best_only is off
    model = keras.models.load_model("models/best-model.keras")
    assert "dropout" not in [layer.name for layer in model.layers]
    assert "ran all 2 epochs" in capsys.readouterr().out


def test_the_same_parameters_give_the_same_bytes_and_another_seed_others(workspace):
    outputs = ("models/best-model.keras", "models/model_whole.keras", "models/model.weights.h5", "plots/history.csv")

    def contents(seed: int) -> list[bytes]:
        shutil.rmtree("models/.epochs", ignore_errors=True)
        run_stages(workspace, prepare, train, epochs=2, seed=seed)
        return [Path(path).read_bytes() for path in outputs]

    first = contents(1)
    assert contents(1) == first
    assert all(one != other for one, other in zip(first, contents(2), strict=True))


def test_both_model_files_are_canonical(trained):
    for path in (Path("models/best-model.keras"), Path("models/model_whole.keras")):
        before = path.read_bytes()
        make_canonical(path)
        assert path.read_bytes() == before

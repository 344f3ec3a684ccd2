"""The train stage on the sample, in one process, without DVC."""

from pathlib import Path

import numpy as np
import pytest

from stages import prepare, train
from stages.base.params import OF_A_FOLDER, Params
from stages.data.images import PREPARED, load_images
from stages.evaluation.saved_models import measure
from stages.training.backend import keras
from tests.support.workspace import history, read_json, run_stages

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
    measured = measure(best, val)
    assert (measured.loss, measured.accuracy) == (metrics["val_loss"], metrics["val_accuracy"])
    for one, other in zip(best.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"epoch {metrics['best_epoch']}" in capsys.readouterr().out.splitlines()[-1]


UNTIL_THE_END = {"monitor": "loss", "min_delta": 10.0, "patience": None}  # no epoch is better than the first
CHANGES = [  # a parameter, another value, and others with which it makes a difference
    ("dropout", 0.6, {}),
    ("hidden_units", 50, {}),
    ("optimizer", "rmsprop", {}),
    ("learning_rate", 0.01, {}),
    ("batch_size", 64, {}),
    ("epochs", 1, {}),
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
def test_each_parameter_makes_a_difference(complete: Path, name: str, value: object, others: dict):
    def outputs() -> list[bytes]:
        folders = ("models", "plots", "metrics")
        return [path.read_bytes() for folder in folders for path in sorted(Path(folder).glob("*.[ckh]*"))]

    usual = {"epochs": 3, **others} if others else {"epochs": 2}
    if others:
        run_stages(complete, train, **usual)
    before = outputs()
    run_stages(complete, *([prepare] if name in OF_PREPARE else []), train, **usual | {name: value})
    assert outputs() != before


def test_every_parameter_of_prepare_and_train_is_in_that_table():
    assert {name for name, _, _ in CHANGES} == set(Params.model_fields) - {"dataset", "network", *OF_A_FOLDER}


def test_a_learning_rate_that_falls_is_in_the_history_and_shares_the_epochs_before(complete: Path, capsys):
    falling = UNTIL_THE_END | {"epochs": 4, "lr_patience": 1, "lr_factor": 0.1}
    run_stages(complete, train, **falling)
    assert history()["learning_rate"] == [0.001, 0.001, 0.0001, 0.00001]
    assert "epochs 1-2 read back" in capsys.readouterr().out
    run_stages(complete, train, epochs=2)
    assert "learning_rate" not in history()

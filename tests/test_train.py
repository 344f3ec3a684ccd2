"""The train stage on the sample, in one process, without DVC."""

from pathlib import Path

import numpy as np
import pytest

from stages import prepare, train
from stages.data.images import PREPARED, load_images
from stages.evaluation.saved_models import measure
from stages.training.backend import keras
from tests.support.made import outputs_in
from tests.support.workspace import history, new_workspace, read_json, run_stages, work_in_a_copy

pytestmark = pytest.mark.trains

STOPS = {"epochs": 8, "hidden_units": 30, "learning_rate": 0.03}  # early stopping ends it after epoch 4


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a training stopped early."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new_workspace(folder)
        run_stages(folder, prepare, train, **STOPS)
    return folder


@pytest.fixture
def copy(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, made the current folder."""
    return work_in_a_copy(stopped, tmp_path, monkeypatch)


def test_train_keeps_the_best_epoch_and_stops_after_it(copy: Path):
    metrics, values = read_json("metrics/train.json"), history()
    assert metrics["stopped_early"]
    assert metrics["stopped_epoch"] == metrics["epochs"] == metrics["best_epoch"] + 2  # patience
    assert metrics["val_loss"] == min(values["val_loss"]) == values["val_loss"][metrics["best_epoch"] - 1]
    assert list(values) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert values["epoch"] == list(range(1, metrics["epochs"] + 1))

    best, whole = (keras.models.load_model(f"models/{name}.keras") for name in ("best-model", "model_whole"))
    for one, other in zip(best.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("change", "epochs"),
    [
        ({"epochs": 3}, "epochs 1-3 read back"),
        ({"patience": None}, "epochs 1-4 read back, 5-8 computed"),
        ({"min_delta": 0.3}, "epochs 1-3 read back"),
        ({"monitor": "val_accuracy"}, "epochs 1-4 read back, 5-6 computed"),
        ({"restore_best_weights": False}, "epochs 1-4 read back"),
        ({"save_best_only": False}, "epochs 1-4 read back"),
    ],
    ids=str,
)
def test_a_change_computes_only_new_epochs_and_gives_the_bytes_of_a_run_from_nothing(
    copy: Path, monkeypatch, capsys, change: dict, epochs: str
):
    before = outputs_in(copy)
    run_stages(copy, train, **STOPS | change)
    changed = outputs_in(copy)
    printed = capsys.readouterr().out.replace(" (computed before, in models/.epochs)", "").splitlines()
    assert printed[-2] == epochs
    metrics = read_json("metrics/train.json")
    assert f"keeps epoch {metrics['best_epoch']}," in printed[-1]
    kept = measure(keras.models.load_model("models/best-model.keras"), load_images(PREPARED, "val"))
    assert (kept.loss, kept.accuracy) == (metrics["val_loss"], metrics["val_accuracy"])
    assert {name for name in before if before[name] != changed[name]} > {"models/params.json"}
    monkeypatch.setenv("DVC_ROOT", str(copy / "elsewhere"))  # where the store is empty
    train.main()
    assert "epochs 1-" in capsys.readouterr().out.splitlines()[-2]
    assert outputs_in(copy) == changed
    assert list(Path("elsewhere/models/.epochs").glob("*/0*"))


def test_a_learning_rate_that_falls_is_in_the_history_and_shares_the_epochs_before(copy: Path, capsys):
    run_stages(copy, train, **STOPS, lr_patience=1, lr_factor=0.1)
    assert history()["learning_rate"] == [0.03, 0.03, 0.03, 0.003]
    assert "epochs 1-3 read back" in capsys.readouterr().out

"""Every wrong input ends a stage with its exit code and one line that names it, and leaves every file as it was."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages import evaluate, plot, prepare, train
from stages.base.process import run
from stages.training.backend import keras
from stages.training.store import STORE
from tests.support.workspace import ROOT, SMALL, snapshot, write_params

pytestmark = pytest.mark.usefixtures("handlers")

NOTHING_NEW = {"models", "plots", "metrics", "prepared"}  # folders that a stage makes before it fails


def assert_refused(stage: Callable[[], None], code: int, keyword: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(Path())
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        run(stage)
    last = capsys.readouterr().err.splitlines()[-1]
    assert stopped.value.code == code, last
    assert keyword in last
    assert len(last) < 2_000
    after = snapshot(Path())
    assert {path: after.get(path) for path in before} == before
    assert {Path(path).name for path in after.keys() - before.keys()} <= NOTHING_NEW


@pytest.mark.parametrize(
    ("changes", "keyword"),
    [
        ({"dropuot": 0.3}, "mean dropout"),
        ({"dropout": 2, "epochs": 0}, "epochs"),  # the line names both
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"dropout": False}, "dropout"),  # which pydantic would take for 0
        ({"dropout": "x" * 10_000}, "dropout"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"patience": 0}, "patience"),
        ({"patience": 2.5}, "patience"),
        ({"lr_patience": 2, "patience": 2}, "lr_patience"),
        ({"batch_size": 0}, "batch_size"),
        ({"dataset": "sample", "val_size": 0.9999}, "val_size"),
        ({"split_seed": 2**32}, "split_seed"),
        ({"hidden_units": 1_000_000}, "hidden_units"),
        ({"dataset": "images", "network": "cnn", "image_size": 3}, "image_size"),
        ({"optimizer": "Adam"}, "optimizer"),
        ({"image_dir": "data/mine"}, "image_dir"),  # which only dataset images reads
        ({"dataset": "images", "image_dir": 2024}, "image_dir"),
        ({"dataset": "images", "image_dir": "mien"}, "mien"),
        ({"dataset": "images", "image_dir": "data/sample"}, "data/sample"),  # which has no folders
        ({"dataset": "images", "image_dir": str(ROOT / "data/examples"), "val_size": 0.9999}, "val_size"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_parameters(workspace: Path, capsys, changes: dict, keyword: str):
    write_params(workspace, **changes)
    assert_refused(prepare.main, 2, keyword, capsys)


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def scale_weights(path: str, factor: float) -> None:
    model = keras.models.load_model(path)
    model.set_weights([weights * factor for weights in model.get_weights()])
    model.save(path)


def save_model(path: str, side: int, activation: str | None) -> None:
    """Save a model from another project."""
    layers = [keras.Input((side, side), dtype="uint8"), keras.layers.Flatten(), keras.layers.Dense(10, activation)]
    keras.Sequential(layers).save(path)


PREPARED, BEST, WEIGHTS = "data/prepared/train_images.npy", "models/best-model.keras", "models/model.weights.h5"
HISTORY = "plots/history.csv"


@pytest.mark.parametrize(
    ("stage", "change", "keyword"),
    [
        (train, lambda: Path(PREPARED).unlink(), PREPARED),
        (train, lambda: np.save("data/prepared/train_labels.npy", np.full(480, 10, np.uint8)), "data/prepared/train_"),
        (train, lambda: write_params(Path(), **SMALL, optimizer="sgd", learning_rate=1e30), "learning_rate"),
        (evaluate, lambda: Path(BEST).unlink(), BEST),
        (evaluate, lambda: os.truncate(BEST, 9_000), BEST),
        (evaluate, lambda: save_model(BEST, 8, "softmax"), BEST),
        (evaluate, lambda: save_model(BEST, 28, None), BEST),  # its outputs are not probabilities
        (evaluate, lambda: scale_weights(BEST, np.nan), BEST),
        (evaluate, lambda: Path(WEIGHTS).unlink(), WEIGHTS),
        (evaluate, lambda: os.truncate(WEIGHTS, 9_000), WEIGHTS),
        (evaluate, lambda: scale_weights("models/model_whole.keras", -1), "model_whole.keras"),  # not of one training
        (evaluate, lambda: edit("models/params.json", '"dropout": 0.3', '"dropout": 0.25'), "dropout"),
        (evaluate, lambda: edit("data/prepared/params.json", '"sample"', '"images"'), "dataset"),
        (plot, lambda: edit("models/params.json", '"seed": 42', '"seed": 43'), "seed"),
        (plot, lambda: Path(HISTORY).unlink(), HISTORY),
        (plot, lambda: os.truncate(HISTORY, 70), HISTORY),
        (plot, lambda: edit("plots/predictions.csv", ",Bag,", ",bags,"), "plots/predictions.csv"),
        (plot, lambda: Path("metrics/train.json").write_text("{}"), "metrics/train.json"),
        (plot, lambda: Path("metrics/evaluation.json").write_text('{"test": {}}'), "metrics/evaluation.json"),
    ],
)
def test_a_wrong_file(complete: Path, capsys, stage, change: Callable[[], object], keyword: str):
    shutil.rmtree(STORE)
    change()
    assert_refused(stage.main, 2, keyword, capsys)

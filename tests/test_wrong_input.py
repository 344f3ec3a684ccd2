"""Every wrong input ends a stage with its exit code and one line that names it, and leaves every file as it was."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages import evaluate, plot, prepare, train
from stages.base.process import run
from stages.training import epochs
from stages.training.backend import keras
from stages.training.store import STORE
from tests.support.workspace import SMALL, run_stages, snapshot, write_params

NOTHING_NEW = {"models", "plots", "metrics", "prepared"}  # folders that a stage makes before it fails


@pytest.fixture(autouse=True)
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Undo what `run` does to signals."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setenv("FASHION_MNIST_DIR", "")
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


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
        ({"dropuot": 0.3}, "dropuot"),
        ({"dropuot": 0.3}, "did you mean dropout"),
        ({"dropout": 2, "epochs": 0}, "epochs"),  # the line names both
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"dropout": "much"}, "dropout"),
        ({"dropout": False}, "dropout"),  # which pydantic would take for 0
        ({"dropout": [0.1, 0.2]}, "dropout"),
        ({"dropout": None}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"dropout": "x" * 1_000_000}, "dropout"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"patience": 0}, "patience"),
        ({"patience": 2.5}, "patience"),
        ({"patience": "none"}, "patience"),
        ({"lr_patience": 2, "patience": 2}, "lr_patience"),
        ({"lr_factor": 1}, "lr_factor"),
        ({"epochs": 1e99}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"val_size": 1}, "val_size"),
        ({"dataset": "sample", "val_size": 0.9999}, "val_size"),
        ({"seed": -1}, "seed"),
        ({"split_seed": 2**32}, "split_seed"),
        ({"limit": 1}, "limit"),
        ({"hidden_units": 1_000_000}, "hidden_units"),
        ({"network": "CNN"}, "network"),
        ({"dataset": "images", "network": "cnn", "image_size": 3}, "image_size"),
        ({"optimizer": "Adam"}, "optimizer"),
        ({"monitor": "val_los"}, "monitor"),
        ({"restore_best_weights": "sometimes"}, "restore_best_weights"),
        ({"dataset": "fashion-mnist"}, "dataset"),
        ({"image_dir": "data/mine"}, "image_dir"),  # which only dataset images reads
        ({"dataset": "images", "image_dir": 2024}, "image_dir"),
        ({"dataset": "images", "image_dir": "mien"}, "mien"),
        ({"color_mode": "grey"}, "color_mode"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_parameters(workspace: Path, capsys, changes: dict, keyword: str):
    write_params(workspace, **changes)
    assert_refused(prepare.main, 2, keyword, capsys)


@pytest.mark.parametrize("contents", [None, b"", b"[1, 2]", b"dropout: {", b"\xff\xfe\x00", b"[" * 10_000, b"seed: 1"])
def test_a_wrong_params_yaml(workspace: Path, capsys, contents: bytes | None):
    Path("params.yaml").unlink()
    if contents is not None:
        Path("params.yaml").write_bytes(contents)
    assert_refused(prepare.main, 2, "params.yaml", capsys)


def test_a_registry_with_a_wrong_checksum(workspace: Path, capsys):
    write_params(workspace)
    edit("data/fashion_mnist.yaml", "md5:", "md6:")
    assert_refused(prepare.main, 2, "data/fashion_mnist.yaml", capsys)


@pytest.mark.parametrize(
    ("changes", "keyword"),
    [
        ({"image_dir": "mine/cat"}, "mine/cat"),  # one class
        ({"val_size": 0.9}, "val_size"),  # takes every image
        ({"test_size": 0.01}, "test_size"),  # takes less than an image of each class
        ({}, "skip_unreadable"),  # a file that is not an image
    ],
)
def test_a_wrong_folder_of_images(workspace: Path, capsys, changes: dict, keyword: str):
    for name in ("cat", "dog"):
        (workspace / "mine" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (9, 9), number).save(workspace / f"mine/{name}/{number}.png")
    if keyword == "skip_unreadable":
        (workspace / "mine/cat/broken.png").write_bytes(b"not an image")
    write_params(workspace, **{"dataset": "images", "image_dir": "mine", "batch_size": 1} | changes)
    assert_refused(prepare.main, 2, keyword, capsys)


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def remove(path: str) -> None:
    Path(path).unlink()


def truncate(path: str) -> None:
    Path(path).write_bytes(Path(path).read_bytes()[:-9])


def write(path: str, text: str) -> None:
    Path(path).write_text(text, encoding="utf-8")


def scale_weights(path: str, factor: float) -> None:
    model = keras.models.load_model(path)
    model.set_weights([weights * factor for weights in model.get_weights()])
    model.save(path)


def save_model(path: str, side: int, activation: str | None, loss: str | None) -> None:
    """Save a model that is not of this project."""
    layers = [keras.Input((side, side), dtype="uint8"), keras.layers.Flatten(), keras.layers.Dense(10, activation)]
    model = keras.Sequential(layers)
    if loss:
        model.compile(loss=loss, metrics=["accuracy"])
    model.save(path)


def change_dropout(path: str) -> None:
    """Save a model that was trained with another dropout."""
    model = keras.models.load_model(path)
    config = model.get_config()
    config["layers"][4]["config"]["rate"] = 0.25
    other = keras.Sequential.from_config(config)
    other.compile_from_config(model.get_compile_config())
    other.set_weights(model.get_weights())
    other.save(path)


PREPARED, BEST, WEIGHTS = "data/prepared/train_images.npy", "models/best-model.keras", "models/model.weights.h5"
LOSS = "sparse_categorical_crossentropy"
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n"


@pytest.mark.parametrize(
    ("stage", "change", "keyword"),
    [
        (train, lambda: remove(PREPARED), PREPARED),
        (train, lambda: truncate(PREPARED), PREPARED),
        (train, lambda: np.save(PREPARED, np.zeros(3)), PREPARED),
        (train, lambda: np.save("data/prepared/train_labels.npy", np.full(480, 10, np.uint8)), "data/prepared/train_"),
        (train, lambda: write_params(Path(), **SMALL, optimizer="sgd", learning_rate=1e30), "learning_rate"),
        (evaluate, lambda: remove(BEST), BEST),
        (evaluate, lambda: (remove(BEST), Path(BEST).mkdir()), BEST),
        (evaluate, lambda: write(BEST, ""), BEST),
        (evaluate, lambda: truncate(BEST), BEST),
        (evaluate, lambda: save_model(BEST, 8, "softmax", LOSS), BEST),
        (evaluate, lambda: save_model(BEST, 28, None, LOSS), BEST),  # its outputs are not probabilities
        (evaluate, lambda: save_model(BEST, 28, "softmax", None), BEST),  # it cannot be evaluated
        (evaluate, lambda: scale_weights(BEST, np.nan), BEST),
        (evaluate, lambda: change_dropout(BEST), BEST),
        (evaluate, lambda: remove(WEIGHTS), WEIGHTS),
        (evaluate, lambda: truncate(WEIGHTS), WEIGHTS),
        (evaluate, lambda: scale_weights("models/model_whole.keras", -1), "model_whole.keras"),  # not of one training
        (evaluate, lambda: edit("models/params.json", '"dropout": 0.3', '"dropout": 0.25'), "dropout"),
        (evaluate, lambda: edit("data/prepared/params.json", '"sample"', '"images"'), "dataset"),
        (evaluate, lambda: remove("models/params.json"), "models/params.json"),
        (plot, lambda: remove("plots/history.csv"), "plots/history.csv"),
        (plot, lambda: write("plots/history.csv", ""), "plots/history.csv"),
        (plot, lambda: write("plots/history.csv", HISTORY + "1,0.5,0."), "plots/history.csv"),
        (plot, lambda: write("plots/history.csv", HISTORY + "1,0.5,0.9,x,1\n"), "plots/history.csv"),
        (plot, lambda: write("plots/history.csv", HISTORY + "1,1,1,1,1\n"), "metrics/train.json"),  # another training
        (plot, lambda: write("plots/predictions.csv", "actual,predicted,confidence\nBag,Bag,0.9\n"), "predictions.csv"),
        (plot, lambda: edit("plots/predictions.csv", ",Bag,", ",bags,"), "plots/predictions.csv"),
        (plot, lambda: write("metrics/train.json", "{}"), "metrics/train.json"),
        (plot, lambda: edit("metrics/data.json", '"test": 600', '"test": 9'), "metrics/data.json"),
        (plot, lambda: write("metrics/evaluation.json", json.dumps({"test": {}})), "metrics/evaluation.json"),
    ],
)
def test_a_wrong_file(complete: Path, capsys, stage, change: Callable[[], object], keyword: str):
    shutil.rmtree(STORE)
    change()
    assert_refused(stage.main, 2, keyword, capsys)


@pytest.mark.trains
def test_a_loss_that_becomes_nan_in_a_later_epoch(workspace: Path, capsys, monkeypatch):
    run_stages(workspace, prepare)
    real = epochs.epoch_runner

    def diverging(*arguments: object) -> Callable:
        run_epoch = real(*arguments)
        return lambda epoch: run_epoch(epoch) | ({"val_loss": float("nan")} if epoch == 1 else {})

    monkeypatch.setattr(epochs, "epoch_runner", diverging)
    assert_refused(train.main, 2, "epoch 2", capsys)

"""The stages one after the other on the digits, in one process, without DVC."""

import csv
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stages import check, evaluate, plot, prepare, train
from stages.commands import summary
from stages.core.artifacts import load_images
from stages.core.backend import keras
from stages.core.errors import DataUnreachable, UserError
from stages.core.evaluation import loss_and_accuracy
from stages.core.keras_files import make_canonical
from stages.core.params import Params
from tests.conftest import write_params


def read_json(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def history() -> dict[str, list[float]]:
    with Path("plots/history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def run_stages(folder: Path, *stages, **params) -> None:
    write_params(folder, dataset="digits", **params)
    for stage in stages:
        stage.main()


def test_check_writes_the_same_schema_whatever_the_values(workspace):
    run_stages(workspace, check)
    before = Path("data/params.schema.json").read_bytes()
    run_stages(workspace, check, dropout=0.5, patience=None)
    assert Path("data/params.schema.json").read_bytes() == before
    assert set(json.loads(before)["properties"]) >= {"dropout", "patience"}


def test_check_refuses_and_leaves_the_schema(workspace):
    run_stages(workspace, check)
    with pytest.raises(UserError, match="dropout"):
        run_stages(workspace, check, dropout=2)
    assert Path("data/params.schema.json").exists()


def test_prepare_splits_and_counts(workspace):
    run_stages(workspace, prepare, val_size=0.25)
    parts = {name: load_images(Path(f"data/prepared/{name}.npz")) for name in ("train", "val", "test")}
    counts = {name: len(part.labels) for name, part in parts.items()}
    assert read_json("metrics/data.json") == {"dataset": "digits", "classes": 10, **counts}
    assert counts["val"] == np.ceil(0.25 * (counts["train"] + counts["val"]))
    assert all(part.images.dtype == np.uint8 for part in parts.values())


def test_prepare_with_a_limit_makes_a_smoke_run(workspace, real_data):
    write_params(workspace, dataset="fashion_mnist", limit=100)
    prepare.main()
    assert read_json("metrics/data.json") == {
        "dataset": "fashion_mnist", "classes": 10, "train": 80, "val": 20, "test": 100,
    }  # fmt: skip


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
    assert loss_and_accuracy(best, val) == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}
    for one, other in zip(best.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)

    printed = capsys.readouterr().out
    assert "Total params: 7,510" in printed  # the summary
    assert (
        f"stopped after epoch {metrics['stopped_epoch']}: val_loss no better for 2 epochs in a row; "
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
        return [path.read_bytes() for folder in folders for path in sorted(Path(folder).iterdir())]

    usual = {"epochs": 4} | others
    run_stages(workspace, prepare, train, **usual)
    before = outputs()
    run_stages(workspace, prepare, train, **(usual | {name: value}))
    assert outputs() != before


def test_every_parameter_of_prepare_and_train_is_in_that_table():
    assert {name for name, _, _ in CHANGES} == set(Params.model_fields) - {"dataset"}


def test_the_order_of_the_images_is_the_seeds(workspace, monkeypatch):
    seeds = []

    def row_order(rows, seed, epoch):
        seeds.append(seed)
        return np.arange(rows)

    monkeypatch.setattr("stages.core.epochs.row_order", row_order)
    run_stages(workspace, prepare, train, epochs=1, seed=7)
    assert seeds == [7]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_saved_model_has_the_optimizer_of_the_parameters(workspace, optimizer: str):
    run_stages(workspace, prepare, train, epochs=1, optimizer=optimizer, learning_rate=0.02)
    model = keras.models.load_model("models/model_whole.keras")
    assert model.optimizer.name == optimizer
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)


def test_the_monitor_decides_the_checkpoint_and_the_stop(workspace):
    for monitor in ("val_loss", "val_accuracy", "loss", "accuracy"):
        run_stages(workspace, prepare, train, epochs=12, learning_rate=0.1, patience=2, monitor=monitor)
        metrics, values = read_json("metrics/train.json"), history()
        best = (min if monitor.endswith("loss") else max)(values[monitor])
        assert metrics[monitor] == best
        if metrics["stopped_early"]:
            assert metrics["stopped_epoch"] == values[monitor].index(best) + 1 + 2
        val = load_images(Path("data/prepared/val.npz"))
        kept = loss_and_accuracy(keras.models.load_model("models/best-model.keras"), val)
        assert kept == {"loss": metrics["val_loss"], "accuracy": metrics["val_accuracy"]}


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
        run_stages(workspace, prepare, train, epochs=2, seed=seed)
        return [Path(path).read_bytes() for path in outputs]

    first = contents(1)
    assert contents(1) == first
    assert all(one != other for one, other in zip(first, contents(2), strict=True))


@pytest.mark.parametrize("path", [train.BEST_MODEL, train.WHOLE_MODEL])
def test_both_model_files_are_canonical(trained, path: Path):
    before = path.read_bytes()
    make_canonical(path)
    assert path.read_bytes() == before


def test_a_training_that_diverges_says_so(workspace):
    with pytest.raises(UserError, match=r"epoch \d: .*; try a lower learning_rate"):
        run_stages(workspace, prepare, train, optimizer="sgd", learning_rate=1e30)


@pytest.fixture
def trained(workspace):
    run_stages(workspace, prepare, train, epochs=3)
    return workspace


def test_evaluate_measures_the_best_model(trained):
    evaluate.main()
    metrics, training = read_json("metrics/evaluation.json"), read_json("metrics/train.json")
    assert metrics["validation"] == {"loss": training["val_loss"], "accuracy": training["val_accuracy"]}
    assert set(metrics["test"]) == {"loss", "accuracy", "macro_f1", "ece", "per_class"}
    assert set(metrics["test"]["per_class"]["7"]) == {"precision", "recall", "f1"}

    with Path("plots/confusion.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert len(rows) == read_json("metrics/data.json")["test"]
    assert right / len(rows) == pytest.approx(metrics["test"]["accuracy"])
    sevens = [row for row in rows if row["actual"] == "7"]
    assert sum(row["predicted"] == "7" for row in sevens) / len(sevens) == pytest.approx(
        metrics["test"]["per_class"]["7"]["recall"]
    )


def test_evaluate_refuses_weights_that_differ_from_the_whole_model(trained):
    model = keras.models.load_model("models/model_whole.keras")
    model.set_weights([-weights for weights in model.get_weights()])
    model.save_weights("models/model.weights.h5")
    with pytest.raises(RuntimeError, match=r"model_whole\.keras and model\.weights\.h5 disagree on"):
        evaluate.main()


def test_evaluate_takes_its_metrics_from_the_best_model_not_from_the_last(trained):
    whole = Path("models/model_whole.keras")
    evaluate.main()
    before = read_json("metrics/evaluation.json")
    model = keras.models.load_model(whole)
    model.set_weights([weights * 0 for weights in model.get_weights()])
    model.save(whole)
    model.save_weights("models/model.weights.h5")
    evaluate.main()
    assert read_json("metrics/evaluation.json") == before


def test_plot_and_summary_show_the_run(trained, capsys):
    evaluate.main()
    plot.main()
    for name in ("curves", "confusion"):
        assert Path(f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert Path(f"plots/{name}.png").stat().st_size < 300_000
    summary.main()
    printed = capsys.readouterr().out
    assert f"{read_json('metrics/evaluation.json')['test']['accuracy']:.4f}" in printed
    assert "kept epoch 3 of 3 (ran all)" in printed


def test_the_summary_without_results_says_how_to_get_them(workspace):
    with pytest.raises(UserError, match=r"metrics/data\.json: no results yet; make them with: dvc repro"):
        summary.main()


def test_another_environment_than_the_committed_one_is_said_in_one_line(trained, capsys):
    evaluate.main()
    here = read_json("metrics/environment.json")
    Path("metrics/environment.json").write_text(json.dumps(here | {"cpu": "pdp11"}))
    for command in ("init --quiet", "add metrics", "-c user.name=Test -c user.email=t@example.org commit --quiet -m x"):
        subprocess.run(["git", *command.split()], check=True)
    capsys.readouterr()
    summary.main()
    assert "another environment" not in capsys.readouterr().out  # the committed one

    Path("metrics/environment.json").write_text(json.dumps(here))
    summary.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"The committed results come from another environment (cpu {here['cpu']} here, pdp11 there)")


def test_metrics_hold_no_path_and_no_time(trained):
    evaluate.main()
    for path in Path("metrics").iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(trained) not in text
        assert "time" not in text
        assert "date" not in text


def test_prepare_never_uses_a_wrong_raw_file(workspace, monkeypatch, real_data, caplog):
    raw = workspace / "data/raw"
    raw.mkdir()
    for source in Path(os.environ["FASHION_MNIST_DIR"]).glob("*.gz"):
        shutil.copyfile(source, raw / source.name)
    damaged = raw / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    monkeypatch.delenv("FASHION_MNIST_DIR")
    registry = workspace / "data/fashion_mnist.yaml"
    registry.write_text(re.sub("https?://", "http://127.0.0.1:9/", registry.read_text()))  # nobody listens there
    monkeypatch.setattr("stages.core.fetch.ATTEMPTS_AGAIN", 0)
    write_params(workspace, dataset="fashion_mnist")
    with pytest.raises(DataUnreachable, match=r"t10k-labels-idx1-ubyte\.gz: in none of data/raw"):
        prepare.main()
    assert "data/raw/t10k-labels-idx1-ubyte.gz: not used" in caplog.text
    assert not Path("data/prepared").exists()

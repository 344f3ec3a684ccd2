"""The evaluate stage on the digits, in one process, without DVC."""

import csv
from pathlib import Path

import pytest

from stages import evaluate
from stages.training.backend import keras
from tests.support.workspace import read_json


def test_evaluate_measures_the_best_model(trained):
    evaluate.main()
    metrics, training = read_json("metrics/evaluation.json"), read_json("metrics/train.json")
    assert metrics["validation"] == {"loss": training["val_loss"], "accuracy": training["val_accuracy"]}
    assert set(metrics["test"]) == {"loss", "accuracy", "macro_f1", "ece"}

    with Path("plots/predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert len(rows) == read_json("metrics/data.json")["test"]
    assert right / len(rows) == pytest.approx(metrics["test"]["accuracy"])
    with Path("plots/per_class.csv").open(encoding="utf-8") as file:
        scores = {row["class"]: row for row in csv.DictReader(file)}
    sevens = [row for row in rows if row["actual"] == "7"]
    assert sum(row["predicted"] == "7" for row in sevens) / len(sevens) == pytest.approx(float(scores["7"]["recall"]))
    sure = [float(row["confidence"]) for row in rows]
    assert 1 / 10 <= min(sure) <= max(sure) <= 1
    with Path("plots/reliability.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert sum(float(row["confidence"]) * int(row["count"]) for row in table) == pytest.approx(sum(sure))


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


def test_metrics_hold_no_path_and_no_time(trained):
    evaluate.main()
    for path in Path("metrics").iterdir():
        text = path.read_text(encoding="utf-8")
        assert str(trained) not in text
        assert "time" not in text
        assert "date" not in text

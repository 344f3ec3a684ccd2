"""The evaluate stage on the sample, in one process, without DVC."""

import csv
from pathlib import Path

import pytest

from stages import evaluate
from stages.training.backend import keras
from tests.support.workspace import read_json


def test_evaluate_measures_the_best_model(complete: Path):
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
    bags = [row for row in rows if row["actual"] == "Bag"]
    assert sum(row["predicted"] == "Bag" for row in bags) / len(bags) == pytest.approx(float(scores["Bag"]["recall"]))
    confidences = [float(row["confidence"]) for row in rows]
    assert 1 / 10 <= min(confidences) <= max(confidences) <= 1
    with Path("plots/reliability.csv").open(encoding="utf-8") as file:
        bins = list(csv.DictReader(file))
    assert sum(float(row["confidence"]) * int(row["count"]) for row in bins) == pytest.approx(sum(confidences))


def test_evaluate_takes_its_metrics_from_the_best_model_not_from_the_last(complete: Path):
    before = read_json("metrics/evaluation.json")
    model = keras.models.load_model("models/model_whole.keras")
    model.set_weights([weights * 0 for weights in model.get_weights()])
    model.save("models/model_whole.keras")
    model.save_weights("models/model.weights.h5")
    evaluate.main()
    assert read_json("metrics/evaluation.json") == before

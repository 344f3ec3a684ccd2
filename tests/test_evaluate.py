"""The evaluate stage on the sample, in one process, without DVC."""

from pathlib import Path

import pytest

from stages import evaluate
from stages.base.files import load_csv
from stages.training.backend import keras
from tests.support.workspace import read_json


def test_the_metrics_and_the_tables_are_of_the_same_model(complete: Path):
    metrics, training = read_json("metrics/evaluation.json"), read_json("metrics/train.json")
    assert metrics["validation"] == {"loss": training["val_loss"], "accuracy": training["val_accuracy"]}

    rows = load_csv(Path("plots/predictions.csv"), {"actual": str, "predicted": str, "confidence": float})
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert len(rows) == read_json("metrics/data.json")["test"]
    assert right / len(rows) == pytest.approx(metrics["test"]["accuracy"])
    recall = {
        row["class"]: row["recall"] for row in load_csv(Path("plots/per_class.csv"), {"class": str, "recall": float})
    }
    bags = [row["predicted"] for row in rows if row["actual"] == "Bag"]
    assert bags.count("Bag") / len(bags) == pytest.approx(recall["Bag"])
    bins = load_csv(Path("plots/reliability.csv"), {"confidence": float, "count": int})
    confidence = sum(row["confidence"] for row in rows)
    assert sum(each["confidence"] * each["count"] for each in bins) == pytest.approx(confidence)


def test_evaluate_takes_its_metrics_from_the_best_model_not_from_the_last(complete: Path):
    before = read_json("metrics/evaluation.json")
    model = keras.models.load_model("models/model_whole.keras")
    model.set_weights([weights * 0 for weights in model.get_weights()])
    model.save("models/model_whole.keras")
    model.save_weights("models/model.weights.h5")
    evaluate.main()
    assert read_json("metrics/evaluation.json") == before

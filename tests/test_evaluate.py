"""The evaluate stage on the sample, in one process, without DVC."""

from pathlib import Path

import pandas as pd
import pytest

from stages import evaluate
from stages.base.files import load_csv
from stages.training.backend import keras
from tests.support.workspace import read_json


def test_the_metrics_and_the_tables_are_of_the_same_model(complete: Path):
    metrics, training = read_json("metrics/evaluation.json"), read_json("metrics/train.json")
    assert metrics["validation"] == {"loss": training["val_loss"], "accuracy": training["val_accuracy"]}

    rows = pd.read_csv("plots/predictions.csv")
    assert len(rows) == read_json("metrics/data.json")["test"]
    assert (rows["actual"] == rows["predicted"]).mean() == pytest.approx(metrics["test"]["accuracy"])
    assert 1 / 10 <= rows["confidence"].min() <= rows["confidence"].max() <= 1
    scores = pd.read_csv("plots/per_class.csv", index_col="class")
    bags = rows[rows["actual"] == "Bag"]
    assert (bags["predicted"] == "Bag").mean() == pytest.approx(scores["recall"]["Bag"])
    bins = pd.read_csv("plots/reliability.csv")
    assert (bins["confidence"] * bins["count"]).sum() == pytest.approx(rows["confidence"].sum())


def test_evaluate_takes_its_metrics_from_the_best_model_not_from_the_last(complete: Path):
    before = read_json("metrics/evaluation.json")
    model = keras.models.load_model("models/model_whole.keras")
    model.set_weights([weights * 0 for weights in model.get_weights()])
    model.save("models/model_whole.keras")
    model.save_weights("models/model.weights.h5")
    evaluate.main()
    assert read_json("metrics/evaluation.json") == before

"""The numbers in the documents are those of the committed tables."""

import json
import re

import pandas as pd
import pytest

from tests.docs.text import ROOT, describes_this_run, numbers, read

# A row of the README's findings: (table, columns that select a row of it, factor, decimals).
NOTES, SIZES = "study/notes/claims.csv", "study/sizes/effects.csv"
POINTS = 100
FINDINGS = [
    (NOTES, {"of": "dropout-11", "value": "gap"}, 1, 3),
    (NOTES, {"of": "dropout-11", "value": "val_accuracy"}, POINTS, 2),
    (NOTES, {"of": "dropout-20", "value": "val_loss"}, 1, 3),
    (NOTES, {"of": "dropout-20", "value": "val_accuracy"}, POINTS, 2),
    (NOTES, {"of": "stopped", "value": "epochs"}, 1, 1),
    (NOTES, {"of": "stopped", "value": "val_accuracy"}, POINTS, 2),
    (NOTES, {"of": "adam-stopped", "value": "val_loss"}, 1, 3),
    (NOTES, {"of": "adam-stopped", "value": "val_accuracy"}, POINTS, 2),
    *(
        (SIZES, {"network": network, "images": images, "dropout": rate, "value": value, "early_stopping": False}, *unit)
        for network, images, rate in (("dense-100", 4_000, 0.5), ("cnn", 16_000, 0.4))
        for value, unit in (("kept_val_loss", (1, 3)), ("kept_val_accuracy", (POINTS, 2)))
    ),
]
NOT_SIGNIFICANT = {"README.md": "not significant", "README.ko.md": "유의하지 않다"}


def committed(name: str) -> dict:
    return json.loads(read(f"metrics/{name}.json"))


@pytest.mark.parametrize("page", NOT_SIGNIFICANT)
def test_the_findings_are_those_of_the_studies(page: str):
    rows = re.findall(r"(?m)^\|.+\| ([+-][^|]+) \| ([^|]+) \|$", read(page))
    assert len(rows) == len(FINDINGS)
    for (effect, verdict), (table, selected, factor, digits) in zip(rows, FINDINGS, strict=True):
        frame = pd.read_csv(ROOT / table)
        (row,) = frame[(frame[list(selected)] == list(selected.values())).all(axis=1)].to_dict("records")
        expected = [f"{row[part] * factor:+.{digits}f}" for part in ("mean", "low", "high")]
        assert re.findall(r"[+-][\d.]+", effect) == expected, selected
        assert (verdict == NOT_SIGNIFICANT[page]) == (row["adjusted_p"] > 0.05), selected


@describes_this_run
@pytest.mark.parametrize("page", NOT_SIGNIFICANT)
def test_the_scores_are_those_of_the_committed_run(page: str):
    rows = [re.findall(r"0\.\d{4}", row) for row in re.findall(r"(?m)^\|.+\| 0\.\d+ \|$", read(page))]
    evaluation = committed("evaluation")
    assert rows == [
        [f"{evaluation[part][metric]:.4f}" for part in ("validation", "test")] for metric in ("accuracy", "loss")
    ]


@describes_this_run
def test_the_numbers_to_learn_from_are_those_of_the_study_and_of_the_committed_run():
    text, train, evaluation = read("docs/learn.md"), committed("train"), committed("evaluation")
    trainings = pd.read_csv(ROOT / "study/notes/trainings.csv")
    accuracy = trainings.loc[trainings["training"] == "stopped", "test_accuracy"]
    own = {f"{value:.4f}" for value in (evaluation["training"]["loss"], train["loss"], accuracy.min(), accuracy.max())}
    in_study = {number.lstrip("+-") for number in numbers(read("study/notes/README.md"))}
    assert {number for number in numbers(text) if re.fullmatch(r"\d\.\d{4}", number)} <= in_study | own
    assert own <= set(numbers(text))
    means = pd.read_csv(ROOT / "study/notes/results.csv").set_index(["training", "value"])["mean"]
    assert f"{means['stopped', 'epochs']:.1f} of 20 epochs" in text
    assert f"epoch {train['best_epoch']} of {train['epochs']}" in text
    right, count = evaluation["validation"]["accuracy"], committed("data")["val"]
    assert f"{round(right * count):,} of {count:,}" in text

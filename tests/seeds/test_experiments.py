"""DVC's experiments read as trainings; the table is invented, in the form of `dvc exp show --csv`."""

from pathlib import Path

import pandas as pd
import pytest

from seeds.experiments import NAMES, read_experiments
from stages.base.errors import UserError
from tests.support.workspace import params


def row(seed: int = 1, loss: float = 0.5, state: str = "", typ: str = "branch_commit", **changes: object) -> dict:
    values = params(**changes, seed=seed).model_dump()
    epochs = values.pop("epochs")
    metrics = dict.fromkeys(NAMES, loss) | {"val_loss": loss, "metrics/train.json:epochs": 3, "best_epoch": 2}
    text = {name: "" if value is None else str(value) for name, value in values.items()}
    return {"typ": typ, "State": state, **metrics, **text, "params.yaml:epochs": str(epochs), "stages/training": "a"}


def read(folder: Path, *rows: dict) -> tuple[pd.DataFrame, str, list[str]]:
    pd.DataFrame(rows).to_csv(folder / "a.csv", index=False)
    return read_experiments(folder / "a.csv", params())


def test_experiments_that_succeeded_are_trainings_of_settings(tmp_path):
    rows = [row(seed, dropout=rate, patience=patience) for seed in (1, 2) for rate, patience in ((0.3, 2), (0.5, None))]
    frame, baseline, notes = read(tmp_path, row(typ="baseline"), *rows, rows[-1])
    assert baseline == "dropout 0.3, patience 2"
    assert sorted(zip(frame["setting"], frame["seed"], strict=True)) == [
        ("dropout 0.3, patience 2", 1), ("dropout 0.3, patience 2", 2),
        ("dropout 0.5, patience none", 1), ("dropout 0.5, patience none", 2),
    ]  # fmt: skip
    assert frame[["epochs", "kept_epoch", "val_loss"]].to_numpy().tolist() == [[3, 2, 0.5]] * 4
    assert notes == []


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (row(dropout=0.5, loss=0.1, state="Failed") | {"dropout": "1.5"}, "failed"),
        (row(dropout=0.5, loss=0.1, state="Queued"), "failed"),
        (row(dropout=0.5) | {"val_loss": 0.1}, "not all of their stages"),
        (row(dropout=0.5, limit=600), "other images"),
        (row(dropout=0.5) | {"stages/training": "b"}, "other code"),
    ],
)
def test_an_experiment_that_cannot_be_compared_is_left_out_with_the_reason(tmp_path, other: dict, reason: str):
    frame, _, (note,) = read(tmp_path, row(1), row(2), other)
    assert len(frame) == 2
    assert reason in note


@pytest.mark.parametrize(
    ("content", "reason"), [({"a": 1}, "not a table"), (row(dropout=0.5), "no experiment has the committed parameters")]
)
def test_another_table_is_refused(tmp_path, content: dict, reason: str):
    with pytest.raises(UserError, match=rf"a\.csv: {reason}"):
        read(tmp_path, content)

"""The study of the notes: its trainings on a few images, its tables, and its claims with planted values."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from seeds.statistics import compare
from stages import prepare
from study.notes import findings, trainings
from study.notes.design import read_design
from tests.support.workspace import ROOT, SMALL, new_workspace


@pytest.fixture
def design(monkeypatch):
    monkeypatch.chdir(ROOT)
    return read_design()


@pytest.mark.process
def test_the_tables_have_every_training_and_seed_and_each_epoch_once(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new_workspace(tmp_path, **SMALL)
    shutil.copytree(ROOT / "study", tmp_path / "study")
    design = yaml.safe_load(Path("study/notes.yaml").read_text(encoding="utf-8")) | {"seeds": 2}
    for row in design["trainings"].values():
        # so that training stops early
        row.update(epochs=-(-row["epochs"] // 4), learning_rate=0.05, patience=row["patience"] and 1)
    Path("study/notes.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    prepare.main()
    trainings.main()
    table, history, patience = (pd.read_csv(f"study/notes/{name}.csv") for name in ("trainings", "history", "patience"))
    designed = [(seed, name) for seed in (1, 2) for name in design["trainings"]]
    assert list(zip(table["seed"], table["training"], strict=True)) == designed
    epochs = history.groupby(["training", "seed"])["epoch"].agg(list)
    assert epochs.to_dict() == {(row.training, row.seed): [*range(1, row.epochs + 1)] for row in table.itertuples()}
    # RMSprop, Adam, Adam with dropout: the longest of each, five epochs, with two seeds.
    assert len(list(Path("models/.epochs").glob("*/[0-9]*"))) == 2 * 3 * 5

    # Early stopping applied to the history of a training gives what a separate training with early stopping gives.
    trained, applied = table.set_index("training"), patience.query("patience == 1").set_index("training")
    assert trained.loc["stopped", "epochs"].min() < 5
    assert set(trained.index) - set(applied.index) == {"stopped", "adam-stopped"}
    for stopped, whole in (("stopped", "dropout-20"), ("adam-stopped", "adam-20")):
        for column in ("epochs", "kept_epoch", "val_loss", "val_accuracy"):
            assert trained.loc[stopped, column].tolist() == pytest.approx(applied.loc[whole, column].tolist())

    findings.main()
    assert "too few seeds" in Path("study/notes/README.md").read_text(encoding="utf-8")


def test_training_loss_is_measured_with_dropout_off(design):
    values = findings.values_of(*map(pd.read_csv, (findings.TRAININGS, findings.HISTORY)))
    with_dropout = values["dropout-20"]
    assert with_dropout["gap"] == pytest.approx(with_dropout["val_loss"] - with_dropout["loss"])
    assert (with_dropout["plotted_distance"] < with_dropout["gap"]).all()  # with dropout on, the loss is higher


def compared(design, **changes: dict[str, float]) -> dict:
    """Comparisons of ten seeds with nothing but noise, but for the planted changes."""
    noise = np.random.default_rng(0)
    values = {
        (name, claim.value): noise.normal(changes.get(name, {}).get(claim.value, 0), 0.01, 10)
        for name in design.trainings
        for claim in design.claims
    }
    return compare(
        {claim: values[claim.of, claim.value] - values[claim.beside, claim.value] for claim in design.claims}
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_claim_is_answered_in_its_own_words(design, language: str):
    found = compared(design, **{"dropout-11": {"gap": -1}, "adam-20": {"val_loss": 1}})
    answers = {(claim.of, claim.value): (claim, findings.answer(claim, row, language)) for claim, row in found.items()}
    claim, answer = answers["dropout-11", "gap"]
    assert answer == getattr(claim.less, language)
    claim, answer = answers["adam-20", "val_loss"]
    assert answer == getattr(claim.more, language)
    claim, answer = answers["dropout-11", "plotted_distance"]
    assert answer not in (getattr(claim.less, language), getattr(claim.more, language))
    assert re.search(r"\d", answer)  # the seeds needed


@pytest.mark.parametrize(
    ("gap", "accuracy", "words"),
    [
        (-1, -1, ("narrows the gap by", "costs")),
        (1, 1, ("widens the gap by", "adds")),
        (0, 0, ("not shown to change the gap", "not shown to change accuracy")),
    ],
)
def test_the_title_of_the_findings_follows_the_values(design, gap: int, accuracy: int, words: tuple[str, str]):
    title = findings.headline(design, compared(design, **{"dropout-11": {"gap": gap, "val_accuracy": accuracy}}))
    assert all(word in title for word in words)

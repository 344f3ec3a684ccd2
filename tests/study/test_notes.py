"""The study of the notes, end to end on a few images; its claims with planted values."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from seeds.statistics import spread
from study.notes import findings, trainings
from study.notes.design import read_design
from tests.study.small import run_study, small_study
from tests.support.workspace import ROOT, work_in_a_copy

PIPELINE = yaml.safe_load((ROOT / "study/dvc.yaml").read_text(encoding="utf-8"))["stages"]
OUTS = [next(iter(out)) for out in PIPELINE["notes-findings"]["outs"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_study(tmp_path_factory.mktemp("study"), small_study, trainings, findings)


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of the outputs, made the current folder."""
    return work_in_a_copy(made, tmp_path, monkeypatch)


@pytest.mark.process
def test_the_tables_have_every_training_and_seed_and_each_epoch_once(study):
    design, table = read_design(), pd.read_csv("study/notes/trainings.csv")
    assert list(zip(table["seed"], table["training"], strict=True)) == [
        (seed, name) for seed in (1, 2) for name in design.trainings
    ]
    epochs = pd.read_csv("study/notes/history.csv").groupby(["training", "seed"]).size()
    assert epochs.to_dict() == {(row.training, row.seed): row.epochs for row in table.itertuples()}
    # RMSprop, Adam, Adam with dropout: the longest of each, five epochs, with two seeds.
    assert len(list(Path("models/.epochs").glob("*/[0-9]*"))) == 2 * 3 * 5


@pytest.mark.process
def test_training_loss_is_measured_with_dropout_off(study):
    values = findings.values_of(*map(pd.read_csv, (findings.TRAININGS, findings.HISTORY)))
    with_dropout = values["dropout-20"]
    assert with_dropout["gap"] == pytest.approx(with_dropout["val_loss"] - with_dropout["loss"])
    assert (with_dropout["plotted_distance"] < with_dropout["gap"]).all()  # with dropout on, the loss is higher


@pytest.mark.process
def test_the_results_are_means_and_intervals_over_the_seeds(study):
    table, results = (pd.read_csv(f"study/notes/{name}.csv") for name in ("trainings", "results"))
    (row,) = results[(results["training"] == "adam-20") & (results["value"] == "test_accuracy")].itertuples(index=False)
    assert row[2:] == pytest.approx(spread(table.loc[table["training"] == "adam-20", "test_accuracy"].tolist()))


@pytest.mark.process
def test_both_pages_have_the_same_figures_commands_and_links_and_no_link_is_dead(study):
    pages = [(study / f"study/notes/README{twin}.md").read_text(encoding="utf-8") for twin in ("", ".ko")]
    bodies = [page.split("\n\n", 2)[2] for page in pages]
    for what in (r"[+-]?\d+\.\d+", r"\]\(([^)]+)\)", r"(?m)^    (.+)$"):
        english, korean = (sorted(re.findall(what, body)) for body in bodies)
        assert english == korean != []
    assert all((study / "study/notes" / target).is_file() for target in re.findall(r"\]\(([^)]+)\)", pages[0]))
    design = read_design()
    texts = [row.title for row in design.trainings.values()] + [claim.claim for claim in design.claims]
    assert all(text.en in pages[0] and text.ko in pages[1] for text in texts)


@pytest.mark.process
def test_the_findings_have_the_same_bytes_again(study):
    before = {name: (study / name).read_bytes() for name in OUTS}
    findings.main()
    assert {name: (study / name).read_bytes() for name in OUTS} == before


def planted(design, **changes: dict[str, float]) -> dict:
    """Values of ten seeds with nothing but noise, but for the planted changes."""
    noise = np.random.default_rng(0)
    values = sorted({claim.value for claim in design.claims})
    return {
        name: {value: noise.normal(changes.get(name, {}).get(value, 0), 0.01, 10) for value in values}
        for name in design.trainings
    }


@pytest.fixture
def design(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_study(tmp_path, seeds=10)
    return read_design()


def compared(design, values: dict) -> dict:
    return findings.compare(
        {claim: values[claim.of][claim.value] - values[claim.beside][claim.value] for claim in design.claims}
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_claim_is_answered_in_its_own_words(design, language: str):
    changes = {"dropout-11": {"gap": -1}, "adam-20": {"val_loss": 1}}
    found = compared(design, planted(design, **changes))
    answers = {claim.claim.en: (claim, findings.answer(claim, row, language)) for claim, row in found.items()}
    claim, answer = answers["Dropout narrows the gap, with dropout off for both losses"]
    assert answer == getattr(claim.less, language)
    claim, answer = answers["Adam does better than RMSprop (20 epochs)"]
    assert answer == getattr(claim.more, language)
    claim, answer = answers["Dropout brings the curves that the notes plot nearer"]
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
    values = planted(design, **{"dropout-11": {"gap": gap, "val_accuracy": accuracy}})
    title = findings.headline(design, compared(design, values))
    assert all(word in title for word in words)

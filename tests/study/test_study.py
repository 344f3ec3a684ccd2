"""The notes' trainings over seeds: what they share, what is measured of them, and what is said of it."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages import evaluate, prepare, train
from stages.base.errors import UserError
from stages.base.files import load_csv
from stages.experiments.significance import spread
from study.notes import findings, tables
from study.notes import trainings as study_trainings
from study.notes.design import read_design
from study.notes.korean import korean
from tests.support.small import small_study
from tests.support.workspace import ROOT, new_processes, read_json, run_stages, work_in_a_copy

PIPELINE = yaml.safe_load((ROOT / "study/dvc.yaml").read_text(encoding="utf-8"))["stages"]
OUTS = [next(iter(out)) for name, stage in PIPELINE.items() if name.startswith("notes-") for out in stage["outs"]]

pytestmark = pytest.mark.process  # joblib's


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stages(folder, prepare)
        small_study(folder)
        new_processes()  # what another file of tests left behind works in its folder
        study_trainings.main()
        findings.main()
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of the outputs, made the current folder."""
    return work_in_a_copy(made, tmp_path, monkeypatch)


def rows(table: str, **kinds) -> list[dict]:
    return load_csv(Path(f"study/notes/{table}.csv"), kinds)


def test_every_training_has_every_seed(study):
    found = [(row["seed"], row["training"]) for row in rows("trainings", training=str, seed=int)]
    assert found == [(seed, name) for seed in (1, 2) for name in read_design().trainings]


def test_a_row_is_what_the_pipeline_gives_with_the_same_parameters(study):
    params = read_design().trainings["stopped"].params.model_dump() | {"seed": 2}
    run_stages(study, train, evaluate, **params)
    (row,) = (
        row
        for row in rows(
            "trainings", training=str, seed=int, epochs=int, kept_epoch=int, val_loss=float, test_accuracy=float
        )
        if (row["training"], row["seed"]) == ("stopped", 2)
    )
    trained, evaluated = read_json("metrics/train.json"), read_json("metrics/evaluation.json")
    assert (row["epochs"], row["kept_epoch"]) == (trained["epochs"], trained["best_epoch"])
    assert row["kept_epoch"] < row["epochs"]
    assert row["val_loss"] == evaluated["validation"]["loss"]
    assert row["test_accuracy"] == evaluated["test"]["accuracy"]


def test_no_epoch_is_computed_twice(study, made, capsys):
    new_processes()
    study_trainings.main()
    assert "seed 1 of 2: 0 epochs computed" in capsys.readouterr().out
    for name in ("trainings", "history", "patience"):
        assert (study / f"study/notes/{name}.csv").read_bytes() == (made / f"study/notes/{name}.csv").read_bytes()
    once = len(list((study / "models/.epochs").glob("*/[0-9]*")))
    assert once == 2 * (5 + 5 + 5)  # RMSprop, Adam, Adam with dropout; not 2 * 33


def test_the_history_of_a_shorter_training_is_the_beginning_of_the_longer(study):
    columns = {"training": str, "seed": int, "epoch": int, "loss": float, "val_loss": float}
    found = rows("history", **columns)

    def of(name: str) -> list[tuple]:
        return [(row["seed"], row["epoch"], row["loss"], row["val_loss"]) for row in found if row["training"] == name]

    assert set(of("rmsprop-5")) < set(of("rmsprop-20"))
    assert set(of("dropout-11")) < set(of("dropout-20"))


def test_training_loss_is_measured_without_dropout(study):
    """With it, as `fit` reports it, it is higher."""
    design, history = read_design(), tables.load_history(read_design())
    values = tables.load_values(design, history)["dropout-20"]
    assert (values["loss"] < history["loss"]["dropout-20"][:, -1]).all()
    assert values["gap"] == pytest.approx(values["val_loss"] - values["loss"])
    assert (values["plotted_distance"] < values["gap"]).all()


def test_the_results_are_means_and_intervals_over_the_seeds(study):
    (row,) = (
        row
        for row in rows("results", training=str, value=str, count=int, mean=float, low=float, high=float)
        if (row["training"], row["value"]) == ("adam-20", "test_accuracy")
    )
    seeds = [
        row["test_accuracy"]
        for row in rows("trainings", training=str, test_accuracy=float)
        if row["training"] == "adam-20"
    ]
    of = spread(seeds)
    assert (row["count"], row["mean"], row["low"], row["high"]) == (2, of.mean, of.low, of.high)


def test_the_page_has_every_training_every_claim_and_no_dead_link(study):
    page = (study / "study/notes/README.md").read_text(encoding="utf-8")
    design = read_design()
    for training in design.trainings.values():
        assert f"| {training.title} |" in page
    for claim in design.claims:
        (line,) = (line for line in page.splitlines() if line.startswith(f"| {claim.claim} |"))
        assert "seeds" in line or "the same with every seed" in line  # two are too few to show anything
    for target in re.findall(r"\]\(([^)]+)\)", page):
        assert target == "../../benchmarks/results.md" or (study / "study/notes" / target).is_file(), target


def test_both_languages_have_the_same_figures_commands_and_links(study):
    pages = [(study / f"study/notes/README{twin}.md").read_text(encoding="utf-8") for twin in ("", ".ko")]

    def found(page: str) -> list[list[str]]:
        body = page.split("\n\n", 2)[2]
        return [sorted(re.findall(what, body)) for what in (r"[+-]?\d+\.\d+", r"\]\(([^)]+)\)", r"(?m)^    (.+)$")]

    assert found(pages[0]) == found(pages[1])
    assert all(map(len, found(pages[0])))


def test_all_that_the_design_says_has_its_korean(monkeypatch):
    monkeypatch.chdir(ROOT)
    design = read_design()
    shown, none = (
        findings.compare({"a": sample})["a"]
        for sample in ([1.0, 1.1, 0.9, 1.0, 1.1, 1.2], [0.1, -0.1, 0.1, -0.2, 0.1, 0.1])
    )
    few, same = (findings.compare({"a": sample})["a"] for sample in ([0.1, 0.2], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    said = [training.title for training in design.trainings.values()]
    for claim in design.claims:
        said += [claim.claim, claim.less, claim.more]
        said += [findings.told(claim, found) for found in (shown, none, few, same)]
    assert [text for text in said if korean(text) == text] == []
    assert korean("Something else") == "Something else"


def test_a_claim_is_told_by_its_own_words(study):
    """With values planted in the table: ten seeds, so that something can be shown."""
    small_study(study, seeds=10)
    design = read_design()
    luck = np.random.default_rng(0)
    of = {claim.value for claim in design.claims}
    values = {name: {value: luck.normal(0, 0.01, 10) for value in sorted(of)} for name in design.trainings}
    values["dropout-11"]["gap"] -= 1
    values["adam-20"]["val_loss"] += 1
    found = {
        claim.claim: findings.told(claim, comparison) for claim, comparison in findings.comparisons(design, values)
    }
    assert found["Dropout narrows the gap, with dropout off for both losses"] == "yes"
    assert found["Adam does better than RMSprop (20 epochs)"] == "no: higher validation loss"
    assert found["Early stopping keeps a lower validation loss, without dropout"] == "yes"
    assert found["Dropout brings the curves that the notes plot nearer"].startswith("no difference shown")


def test_the_report_gives_the_same_bytes_again(study):
    before = {name: (study / name).read_bytes() for name in OUTS}
    findings.main()
    assert {name: (study / name).read_bytes() for name in OUTS} == before


def test_tables_of_another_study_are_refused(study):
    small_study(study, seeds=3)
    with pytest.raises(UserError, match=r"cannot be used: it is not of the trainings in study/notes\.yaml"):
        findings.main()


def test_a_training_whose_like_is_never_left_to_run_on_is_not_drawn(study):
    design = yaml.safe_load((study / "study/notes.yaml").read_text(encoding="utf-8"))
    design["trainings"]["stopped"]["hidden_units"] = 7
    (study / "study/notes.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    assert "stopped" not in tables.longest(read_design())
    findings.main()


@pytest.mark.parametrize(("gap", "accuracy", "told"), [
    (-1, -1, "Dropout narrows the gap by 1.000 and costs 1.000 of accuracy (Adam, "),
    (1, 1, "Dropout widens the gap by 1.000 and adds 1.000 of accuracy (Adam, "),
    (-1, 0, "Dropout narrows the gap by 1.000 and is not shown to change accuracy (Adam, "),
    (0, 0, "Dropout is not shown to change the gap and is not shown to change accuracy (Adam, "),
])  # fmt: skip
def test_the_title_of_the_findings_says_what_the_values_say(study, gap: int, accuracy: int, told: str):
    small_study(study, seeds=10)
    design, luck = read_design(), np.tile([0.0001, -0.0001], 5)
    values = {name: {claim.value: luck * n for claim in design.claims} for n, name in enumerate(design.trainings)}
    values["dropout-11"] = values["dropout-11"] | {"gap": gap + luck, "val_accuracy": accuracy + luck}
    values["adam-11"] = dict.fromkeys(values["adam-11"], np.zeros(10))
    assert findings.found_of_dropout(design, findings.comparisons(design, values)).startswith(told)


def test_every_training_has_a_name_of_its_own_that_says_what_it_is(monkeypatch):
    monkeypatch.chdir(ROOT)
    design = read_design()
    called = findings.labels(design, {name: findings.curve(each) for name, each in design.trainings.items()})
    assert called["rmsprop-5"] == "RMSprop, 5 epochs"
    assert called["stopped"] == "Adam, dropout 0.3, early stopping"
    assert len(set(called.values())) == len(design.trainings)
    same = dict.fromkeys(design.trainings, "Adam")
    assert findings.labels(design, same) == {name: each.title for name, each in design.trainings.items()}

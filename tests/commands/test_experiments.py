"""The table of experiments, printed."""

import io

import pytest
from rich.console import Console

from stages.commands.experiments import grouped, ranked, show
from stages.experiments.comparison import baseline_of
from stages.experiments.records import Experiment
from tests.support.experiments import COMMITTED, experiment, sweep


def measured(runs: list[Experiment]) -> list[Experiment]:
    return [run._replace(metrics=run.metrics | {"val_loss": run.metrics["validation.loss"]}) for run in runs]


def printed(runs: list[Experiment], width: int = 80) -> list[str]:
    groups, notes = grouped(measured(runs))
    console = Console(width=width, file=io.StringIO())
    show(groups, COMMITTED, console)
    return [*console.file.getvalue().splitlines(), *notes]


@pytest.mark.parametrize("width", [80, 120])
def test_what_was_varied_comes_first_and_all_is_in_view(width: int):
    runs = [
        experiment(loss + seed / 100, seed=seed, name=f"{name}-{seed}", **params)._replace(commit=commit * 40)
        for loss, name, commit, params in (
            (0.4, "dropout-0.1-patience-none-seed-10-0123ab", "0", {"dropout": 0.1, "patience": None}),
            (0.3, "tired-jack", "f", {}),
        )
        for seed in (3, 1, 2)
    ]
    head, first, second, *folded = printed(runs, width)
    assert head.split() == ["dropout", "patience", "seeds", "val_loss", "±", "commit", "experiment"]
    assert first.split() == ["0.3", "2", "3", "0.3200", "0.0248", "fffffff", "tired-jack-1", "(baseline)"]
    assert second.split()[:-1] == ["0.1", "none", "3", "0.4200", "0.0248", "0000000"]
    assert len(folded) == (width == 80)


def test_a_name_that_has_no_room_is_folded_and_never_cut_since_dvc_takes_it():
    name = "dropout-0.1-patience-none-seed-10-0123abc"
    lines = printed([experiment(0.4, dropout=0.1, name=name)], width=50)
    row = next(number for number, line in enumerate(lines) if line.startswith("0.1 "))
    assert len(lines[row:]) > 1
    assert "".join(line.split()[-1] for line in lines[row:]) == name


def test_one_lucky_seed_does_not_lead():
    runs = [*sweep({0.3: 0, 0.5: 0.1}), experiment(0.01, dropout=0.4, seed=1, name="lucky")]
    lines = printed(runs)
    rates = [line.split()[0] for line in lines if line[:1] == "0"]
    assert rates == ["0.3", "0.5", "0.4"]
    assert lines.index("Not ranked, since one training proves little; ten seeds: make try") == len(lines) - 4
    few, many = (ranked(grouped(measured(each))[0]) for each in (runs[:3], runs))
    assert [len(block) for block in few] == [1, 0]  # three of three seeds
    assert [len(block) for block in many] == [2, 1]


def test_settings_of_one_seed_each_are_in_the_order_of_their_parameters():
    lines = printed([experiment(loss, dropout=rate) for loss, rate in ((0.1, 0.5), (0.2, 0.4), (0.15, 0.3))])
    assert [line.split()[0] for line in lines[2:]] == ["dropout", "0.3", "0.4", "0.5"]


def test_the_same_training_twice_counts_once_and_other_versions_and_images_stand_by_themselves():
    here = sweep({0.3: 0}, seeds=3)
    older = [each._replace(version=each.version | {"stages/train.py": "b"}) for each in here]
    groups, notes = grouped(measured([*here, *here, *older]))
    assert [group.spread.count for group in groups] == [3, 3]
    assert notes == []
    few = sweep({0.3: 0}, seeds=3, limit=600)
    assert {baseline_of(group.params, COMMITTED).limit for group in grouped(measured([*here, *few]))[0]} == {None, 600}
    assert printed(few)[0] == ""
    assert printed(few)[1] == "On other images, so not to be ranked with others: limit 600"


def test_what_gave_two_results_is_not_used_and_said():
    groups, notes = grouped(measured([experiment(0.3, seed=1, name="a"), experiment(0.4, seed=1, name="b")]))
    assert groups == []
    assert notes == ["not used, since with the same parameters they gave different metrics: a; b"]

"""Experiments before they run: which are one task, how their values are written; and the line of one that failed."""

from stages.base.errors import BACK
from stages.base.params import read_params, written
from stages.commands.sweep import grid
from stages.experiments.runner import fault, tasks
from tests.support.workspace import ROOT

COMMITTED = read_params(ROOT / "params.yaml")


def test_those_that_share_epochs_are_one_task_the_longest_first():
    values = {"dropout": [0, 0.3], "patience": [2, 5, None, 1], "seed": [1, 2]}
    settings = grid(COMMITTED, values)
    assert len(settings) == 16
    named = {f"{each.dropout} {each.seed} {each.patience}": each for each in settings}
    found = tasks(named, values, "commit")
    assert sorted(list(task.experiments) for task in found) == [
        [f"{dropout} {seed} {patience}" for patience in (None, 5, 2, 1)] for dropout in (0.0, 0.3) for seed in (1, 2)
    ]
    sets = {name: sets for task in found for name, sets in task.experiments.items()}
    assert sets["0.3 2 None"] == ["--set-param=dropout=0.3", "--set-param=patience=null", "--set-param=seed=2"]


def test_of_as_long_a_patience_more_epochs_come_first():
    named = {str(each.epochs): each for each in grid(COMMITTED, {"epochs": [3, 20, 7]})}
    (task,) = tasks(named, ["epochs"], "commit")
    assert list(task.experiments) == ["20", "7", "3"]


def test_values_are_written_as_dvc_takes_them():
    assert [written(value, 'null') for value in (None, True, 0.5, 0.0, "adam", 1e-05, 0.123456789)] == [
        "null", "true", "0.5", "0", "adam", "1e-05", "0.123456789",
    ]  # fmt: skip


def test_the_fault_is_the_stages_own_line_or_else_dvcs():
    stage = f"epoch 1: loss is nan; lower learning_rate; {BACK}\nERROR: failed to reproduce 'train': failed to run: x\n"
    assert fault(f"Running stage 'train':\n{stage}\n") == "epoch 1: loss is nan; lower learning_rate"
    assert fault("ERROR: experiment 'a' already exists\n") == "experiment 'a' already exists"
    assert fault("") == "no output"

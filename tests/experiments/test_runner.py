"""Experiments: which are one task, how their values are written, what came of each, and the line of one that failed."""

from concurrent.futures import Future
from typing import ClassVar

import pytest

from stages.base.errors import BACK
from stages.base.params import read_params, written
from stages.commands.sweep import grid
from stages.experiments.runner import Runner, fault, tasks
from stages.experiments.task import Task, Told
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


class Deaf(Runner):
    """Runs nothing, and hears nothing before a task has ended: what came of it is in its future, or is lost."""

    version: ClassVar = {}

    def __init__(self, ended: dict[str, list[dict] | Exception]) -> None:
        super().__init__(["dropout", "patience"])
        self.ended = ended
        self.taken: list[str] = []

    def __exit__(self, *_: object) -> None: ...

    def submit(self, task: Task) -> Future:
        future = Future()
        found = next(found for start, found in self.ended.items() if next(iter(task.experiments)).startswith(start))
        if isinstance(found, Exception):
            future.set_exception(found)
        else:
            told = [{**each, "name": name, "whence": ""} for each, name in zip(found, task.experiments, strict=False)]
            self.told.put(told[0])  # as it came; the others only with the task
            future.set_result(told)
        return future

    def take(self, told: Told) -> None:
        self.taken.append(told.name)


@pytest.mark.process
def test_what_was_not_told_as_it_came_comes_with_its_task_and_each_is_told_once():
    result = (ROOT / "metrics/train.json").read_text()
    runner = Deaf(
        {"dropout-0-": [{"result": result}, {"result": result}], "dropout-0.5": RuntimeError("a worker died\n")}
    )
    settings = [
        COMMITTED.model_copy(update={"dropout": rate, "patience": each}) for rate in (0, 0.5) for each in (5, 2, 1)
    ]
    found = dict(filter(None, runner.run(settings)))
    faults = [found[params].fault for params in settings]
    assert faults == [None, None, "nothing was told of it", *["a worker died"] * 3]
    assert len(runner.taken) == 2

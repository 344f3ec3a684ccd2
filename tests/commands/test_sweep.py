"""A grid of experiments, before anything runs: its values, its order, and the line of what failed."""

from itertools import pairwise

import pytest

from stages.base.errors import BACK, UserError
from stages.base.params import read_params, written
from stages.commands.sweep import arguments, grid, parser, varied
from stages.experiments.records import committed_params
from stages.experiments.runner import fault
from tests.support.workspace import ROOT

COMMITTED = read_params(ROOT / "params.yaml")


def test_the_values_of_each_parameter_are_read_as_yaml_reads_them():
    assert varied(["dropout=0, 0.2,0.5", "patience=2,null,", "limit="], 3) == {
        "dropout": [0, 0.2, 0.5], "patience": [2, None, None], "limit": [None], "seed": [1, 2, 3],
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [["dropout"], ["dropout=0", "dropout=1"]])
def test_what_is_no_list_of_values_is_refused(wrong: list[str]):
    with pytest.raises(UserError, match="sweep: must be a list of values for each parameter once, got 'dropout"):
        varied(wrong, None)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-S", "dropout=0,["], r"^sweep: dropout: must be a value, got '\['$"),
        (["--seeds", "0"], r"^sweep: seeds: must be a whole number, at least 1, got '0'$"),
        (["--jobs", "0"], r"^sweep: jobs: must be a whole number, at least 1, got '0'$"),
        (["--seeds", "1,2"], r"^sweep: seeds: must be a whole number, at least 1, got '1,2'$"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_one_line(words, line):
    def read():
        options = arguments(parser("sweep", ""), words)
        return varied(options.set_param, options.seeds)

    with pytest.raises(UserError, match=line):
        read()


def test_elsewhere_than_in_the_root_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^params.yaml: not there; run this from the root of the project$"):
        committed_params()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"dropout": [0, None]}, r"sweep: dropout: must be a number, got None"),
        ({"dropout": [0, 1.5]}, r"sweep: dropout: must be less than 1, got 1\.5"),
        ({"droput": [0]}, r"sweep: unknown key 'droput', did you mean dropout\?"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_runs(values, line):
    with pytest.raises(UserError, match=line):
        grid(COMMITTED, values)


def test_the_longest_patience_comes_first_and_neighbours_share_no_epoch():
    settings = grid(COMMITTED, {"dropout": [0, 0.3], "patience": [2, 5, None, 1], "seed": [1, 2]})
    assert len(settings) == 16
    assert [each.patience for each in settings] == [None] * 4 + [5] * 4 + [2] * 4 + [1] * 4
    assert all((one.dropout, one.seed) != (next_.dropout, next_.seed) for one, next_ in pairwise(settings))


def test_what_is_named_twice_runs_once():
    assert len(grid(COMMITTED, {"dropout": [0, 0.0, 0.3]})) == 2


def test_the_committed_setting_runs_too_with_every_seed_and_on_every_number_of_images():
    settings = grid(COMMITTED, {"dropout": [0.5], "limit": [None, 600], "seed": [1, 2]})
    run = [(each.dropout, each.limit, each.seed) for each in settings]
    assert sorted(run, key=str) == [
        (rate, limit, seed) for rate in (0.3, 0.5) for limit in (600, None) for seed in (1, 2)
    ]
    others = {name for name, value in COMMITTED if any(getattr(each, name) != value for each in settings)}
    assert others == {"dropout", "limit", "seed"}


def test_values_are_written_as_dvc_takes_them():
    assert [written(value, 'null') for value in (None, True, 0.5, 0.0, "adam", 1e-05, 0.123456789)] == [
        "null", "true", "0.5", "0", "adam", "1e-05", "0.123456789",
    ]  # fmt: skip


def test_the_fault_is_the_stages_own_line_or_else_dvcs():
    stage = f"epoch 1: loss is nan; lower learning_rate; {BACK}\nERROR: failed to reproduce 'train': failed to run: x\n"
    assert fault(f"Running stage 'train':\n{stage}\n") == "epoch 1: loss is nan; lower learning_rate"
    assert fault("ERROR: experiment 'a' already exists\n") == "experiment 'a' already exists"
    assert fault("") == "no output"

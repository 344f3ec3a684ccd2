"""A grid of experiments, before anything runs: its values, and that each runs once."""

import pytest

from stages.base.errors import UserError
from stages.base.params import read_params
from stages.commands.sweep import arguments, grid, parser, varied
from stages.experiments.records import committed_params
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

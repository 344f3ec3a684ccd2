"""The command line of `python -m seeds`: what it takes and what it refuses, before anything is trained."""

import pytest

from seeds import commands
from stages.base.errors import UserError
from tests.support.workspace import params


def test_the_committed_setting_always_runs_and_every_setting_once():
    values = commands.values_of(["dropout=0,3e-1", "patience=2,null,", "optimizer=sgd", "save_best_only=false"])
    committed, *changed = commands.settings_of(params(), values)
    assert committed == params()
    assert [(each.dropout, each.patience) for each in changed] == [(0, 2), (0, None), (0.3, 2), (0.3, None)]
    assert {(each.optimizer, each.save_best_only) for each in changed} == {("sgd", False)}


@pytest.mark.parametrize(
    ("words", "keyword"),
    [
        (["try", "droput=0.5"], "did you mean dropout"),
        (["try", "dropout=1.5"], "dropout"),
        (["try", "dropout=0.3"], "committed"),
        (["try", "dropout=0,0.5"], "sweep"),
        (["try", "dropout"], "NAME=VALUE"),
        (["sweep", "dropout=0,,"], "dropout"),
        (["sweep", "limit=600,1200"], "limit"),
        (["sweep", "seed=1,2"], "--seeds"),
        (["sweep", "patience=1", "lr_patience=1"], "lr_patience"),
        (["compare", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_a_wrong_name_or_value_is_one_line(monkeypatch, words: list[str], keyword: str):
    monkeypatch.setattr(commands, "committed_params", params)
    monkeypatch.setattr("sys.argv", ["seeds", *words])
    with pytest.raises(UserError, match=keyword) as error:
        commands.main()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("words", [[], ["try", "dropout=0", "--seeds", "0"]])
def test_wrong_options_exit_with_2(monkeypatch, capsys, words: list[str]):
    monkeypatch.setattr("sys.argv", ["seeds", *words])
    with pytest.raises(SystemExit, match="2"):
        commands.main()

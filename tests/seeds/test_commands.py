"""The command line of `python -m seeds`: what it takes and what it refuses, before anything is trained."""

import pytest

from seeds import commands
from stages.base.errors import UserError
from tests.support.workspace import params


def test_values_are_read_as_dvc_reads_them():
    assert commands.values_of(["dropout=0,0.5", "patience=2,null", "epochs=range(1,4)", "optimizer=sgd"]) == {
        "dropout": [0, 0.5],
        "patience": [2, None],
        "epochs": [1, 2, 3],
        "optimizer": ["sgd"],
    }


def test_the_committed_setting_always_runs_and_every_setting_once():
    committed = params()
    settings = commands.settings_of(committed, {"dropout": [0, 0.3], "patience": [2, None]})
    assert settings[0] == committed
    assert [(each.dropout, each.patience) for each in settings] == [(0.3, 2), (0, 2), (0, None), (0.3, None)]


@pytest.mark.parametrize(
    ("words", "keyword"),
    [
        (["try", "droput=0.5"], "did you mean dropout"),
        (["try", "dropout=1.5"], "dropout"),
        (["try", "dropout=0.3"], "committed"),
        (["try", "dropout=0,0.5"], "sweep"),
        (["try", "dropout"], "NAME=VALUE"),
        (["sweep", "dropout=0,,"], "NAME=VALUE"),
        (["sweep", "dropout=0,x"], "dropout"),
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


@pytest.mark.parametrize(
    "words", [[], ["try"], ["try", "dropout=0", "--seeds", "0"], ["sweep", "a=1", "--metric", "f1"]]
)
def test_wrong_options_exit_with_2(monkeypatch, capsys, words: list[str]):
    monkeypatch.setattr("sys.argv", ["seeds", *words])
    with pytest.raises(SystemExit, match="2"):
        commands.main()

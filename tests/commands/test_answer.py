"""`make try`: what it may be asked, before anything runs."""

import sys

import pytest

from stages.base.errors import UserError
from stages.base.params import read_params
from stages.commands import answer
from stages.commands.answer import changed
from stages.commands.sweep import varied
from tests.support.workspace import ROOT

COMMITTED = read_params(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([], "try: say what to change: make try DROPOUT=0.5"),
        (["dropout=0.3"], "try: dropout 0.3: nothing but the images would differ from what is committed"),
        (["limit=600"], "try: limit 600: nothing but the images would differ from what is committed"),
        (["dropout=0.1,0.5"], "try: dropout: must be one value, got 2; several: make sweep"),
        (["seed=3"], "try: seed: both settings run with several: make try SEEDS=10"),
        (["dropout=1.5"], "try: dropout: must be less than 1, got 1.5"),
        (["dropout=0.5", "dropout=0.1"], "try: must be a list of values for each parameter once, got 'dropout=0.1'"),
        (["droput=0.5"], "try: unknown key 'droput', did you mean dropout?"),
    ],
)
def test_what_is_no_question_is_refused_in_one_line(given: list[str], line: str):
    with pytest.raises(UserError) as error:
        changed(COMMITTED, varied(given, None, "try"))
    assert str(error.value) == line


def test_several_parameters_can_change_together():
    params = changed(COMMITTED, {"dropout": [0.5], "patience": [None], "limit": [600]})
    assert (params.dropout, params.patience, params.limit) == (0.5, None, 600)


@pytest.mark.process
@pytest.mark.parametrize("metric", ["validation.los", ""])
def test_a_metric_that_is_not_there_is_refused_before_anything_runs(monkeypatch, metric: str):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["try", "-S", "dropout=0.5", "--metric", metric])
    monkeypatch.setattr(answer.sweep, "run_all", lambda *_: pytest.fail("it ran"))
    with pytest.raises(UserError, match=rf"^try: metric: must be one of .*validation\.loss.*, got '{metric}'$"):
        answer.main()

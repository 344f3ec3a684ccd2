"""The table of experiments, printed."""

import io

import pytest
from rich.console import Console

from stages.commands.experiments import table
from tests.support.experiments import COMMITTED, experiment


@pytest.mark.parametrize("width", [80, 120])
def test_what_was_varied_comes_first_and_all_is_in_view(width: int):
    runs = [
        experiment(0.4, dropout=0.1, patience=None, seed=10, name="dropout-0.1-patience-none-seed-10-0123abc"),
        experiment(0.3, name="tired-jack")._replace(commit="f" * 40),
    ]
    runs = [run._replace(metrics={"val_loss": run.metrics["validation.loss"]}) for run in runs]
    console = Console(width=width, file=io.StringIO())
    console.print(table(runs, COMMITTED))
    head, first, second = console.file.getvalue().splitlines()
    assert head.split() == ["dropout", "seed", "patience", "val_loss", "commit", "experiment"]
    assert first.split() == ["0.3", "42", "2", "0.3000", "fffffff", "tired-jack"]
    assert second.split() == ["0.1", "10", "none", "0.4000", "0000000", "dropout-0.1-patience-none-seed-10-0123abc"]


def test_a_name_that_has_no_room_is_folded_and_never_cut_since_dvc_takes_it():
    name = "dropout-0.1-patience-none-seed-10-0123abc"
    run = experiment(0.4, dropout=0.1, name=name)._replace(metrics={"val_loss": 0.4})
    console = Console(width=40, file=io.StringIO())
    console.print(table([run], COMMITTED))
    _, *lines = console.file.getvalue().splitlines()
    assert "".join(line.split()[-1] for line in lines) == name

"""The end of `make`: the results of this run, beside the committed ones if they can be compared."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from stages.base.errors import UserError
from tests.support.workspace import SMALL, read_json, write_params
from tools import summary

pytestmark = pytest.mark.process


def rows(printed: str) -> dict[str, list[str]]:
    """Return the rows of the table: the figure of this run, and the committed one and the difference if printed."""
    found = re.findall(r"(?m)^((?:validation|test|training|gap).*?)  +(-?\d\.\d{4}.*)$", printed)
    return {name: figures.split() for name, figures in found}


@pytest.fixture
def committed(complete: Path) -> Path:
    identity = "-c user.name=Test -c user.email=t@example.org"
    for command in ("init --quiet", "add metrics params.yaml", f"{identity} commit --quiet -m x"):
        subprocess.run(["git", *command.split()], check=True)
    return complete


def test_the_scores_of_the_run_and_their_gap_are_shown(complete, capsys):
    summary.main()
    printed = capsys.readouterr().out
    evaluation = read_json("metrics/evaluation.json")
    assert rows(printed)["test accuracy"] == [f"{evaluation['test']['accuracy']:.4f}"]
    assert rows(printed)["gap (validation - training)"] == [
        f"{evaluation['validation']['loss'] - evaluation['training']['loss']:.4f}"
    ]
    assert len(rows(printed)) == 6


def test_committed_results_stand_beside_those_of_the_run(committed, capsys):
    summary.main()
    assert {figures[2] for figures in rows(capsys.readouterr().out).values()} == {"+0.0000"}
    evaluation = read_json("metrics/evaluation.json")
    accuracy = evaluation["test"]["accuracy"]
    evaluation["test"]["accuracy"] = accuracy - 0.05
    Path("metrics/evaluation.json").write_text(json.dumps(evaluation))
    summary.main()
    printed = capsys.readouterr().out
    assert rows(printed)["test accuracy"] == [f"{accuracy - 0.05:.4f}", f"{accuracy:.4f}", "-0.0500"]


def test_results_on_other_images_are_not_compared(committed, capsys):
    counts = read_json("metrics/data.json")
    Path("metrics/data.json").write_text(json.dumps(counts | {"dataset": "fashion_mnist"}))
    summary.main()
    printed = capsys.readouterr().out
    assert {len(figures) for figures in rows(printed).values()} == {1}
    assert "other images" in printed


def test_parameters_edited_since_the_run_are_named(complete, capsys):
    write_params(complete, **SMALL, epochs=7)
    summary.main()
    assert "epochs 2, now 7" in capsys.readouterr().err


def test_without_results_one_line_names_the_command(workspace):
    with pytest.raises(UserError, match="dvc repro"):
        summary.main()

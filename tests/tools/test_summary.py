"""What the end of `make` prints: this run, beside the committed one where they can be compared."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.base.inputs import MAKER
from tests.support.workspace import SMALL, read_json, write_params
from tools import summary

pytestmark = pytest.mark.process


def rows(printed: str) -> dict[str, list[str]]:
    """Return the table: name -> this run, and the committed figure and the difference where there are any."""
    found = re.findall(r"(?m)^((?:validation|test|training|gap).*?)  +(-?\d\.\d{4}.*)$", printed)
    return {name: figures.split() for name, figures in found}


def commit_results() -> None:
    identity = "-c user.name=Test -c user.email=t@example.org"
    for command in ("init --quiet", "add metrics params.yaml", f"{identity} commit --quiet -m x"):
        subprocess.run(["git", *command.split()], check=True)


@pytest.fixture
def committed(complete: Path) -> Path:
    commit_results()
    return complete


def test_the_run_is_shown_in_80_columns(complete, capsys):
    summary.main()
    printed = capsys.readouterr().out
    evaluation = read_json("metrics/evaluation.json")
    assert rows(printed)["test accuracy"] == [f"{evaluation['test']['accuracy']:.4f}"]
    assert rows(printed)["gap (validation - training)"] == [
        f"{evaluation['validation']['loss'] - evaluation['training']['loss']:.4f}"
    ]
    assert len(rows(printed)) == 6
    assert max(map(len, printed.splitlines())) <= 80


def test_committed_results_stand_beside_those_of_the_run(committed, capsys):
    summary.main()
    assert {figures[2] for figures in rows(capsys.readouterr().out).values()} == {"none"}
    evaluation = read_json("metrics/evaluation.json")
    accuracy = evaluation["test"]["accuracy"]
    evaluation["test"]["accuracy"] = accuracy - 0.05
    Path("metrics/evaluation.json").write_text(json.dumps(evaluation))
    summary.main()
    printed = capsys.readouterr().out
    assert rows(printed)["test accuracy"] == [f"{accuracy - 0.05:.4f}", f"{accuracy:.4f}", "-0.0500"]


@pytest.mark.parametrize("changes", [{"limit": 100}, {"dataset": "fashion_mnist"}])
def test_results_on_other_images_are_not_compared(committed, capsys, changes: dict):
    for path in MAKER:  # as if the run had been one with other parameters
        used = read_json(str(path))
        path.write_text(json.dumps(used | {name: value for name, value in changes.items() if name in used}))
    write_params(committed, **SMALL | {"epochs": 2} | changes)
    summary.main()
    printed = capsys.readouterr().out
    assert {len(figures) for figures in rows(printed).values()} == {1}
    assert f"({next(iter(changes))}" in " ".join(printed.split())


def test_parameters_edited_since_the_run_are_named(complete, capsys):
    write_params(complete, **SMALL, epochs=7)
    summary.main()
    assert "epochs 2, now 7" in capsys.readouterr().err


def test_another_environment_than_the_committed_one_is_named(complete, capsys):
    here = read_json("metrics/environment.json")
    Path("metrics/environment.json").write_text(json.dumps(here | {"cpu": "pdp11"}))
    commit_results()
    Path("metrics/environment.json").write_text(json.dumps(here))
    summary.main()
    assert "pdp11" in capsys.readouterr().out.splitlines()[-1]


def test_without_results_one_line_names_the_command(workspace):
    with pytest.raises(UserError, match="dvc repro"):
        summary.main()

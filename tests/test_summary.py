"""What plot draws and the end of `make` prints."""

import json
import subprocess
from pathlib import Path

import pytest

from stages import evaluate, plot
from stages.commands import summary
from stages.core.errors import UserError
from tests.conftest import read_json


def test_plot_and_summary_show_the_run(trained, capsys):
    evaluate.main()
    plot.main()
    for name in ("curves", "confusion", "reliability", "mistakes", "examples"):
        assert Path(f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert Path(f"plots/{name}.png").stat().st_size < 300_000
    summary.main()
    printed = capsys.readouterr().out
    assert f"{read_json('metrics/evaluation.json')['test']['accuracy']:.4f}" in printed
    assert "kept epoch 3 of 3 (ran all)" in printed


def test_the_summary_without_results_says_how_to_get_them(workspace):
    with pytest.raises(UserError, match=r"metrics/data\.json: not there; to make it: dvc repro"):
        summary.main()


def commit_metrics() -> None:
    for command in ("init --quiet", "add metrics", "-c user.name=Test -c user.email=t@example.org commit --quiet -m x"):
        subprocess.run(["git", *command.split()], check=True)


def test_another_dataset_than_the_committed_one_is_said_with_the_way_back(trained, capsys):
    evaluate.main()
    commit_metrics()
    data = read_json("metrics/data.json")
    Path("metrics/data.json").write_text(json.dumps(data | {"dataset": "letters"}))
    summary.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "These are results on letters, the committed ones are on digits. To get back to them: make back"


def test_another_environment_than_the_committed_one_is_said_in_one_line(trained, capsys):
    evaluate.main()
    here = read_json("metrics/environment.json")
    Path("metrics/environment.json").write_text(json.dumps(here | {"cpu": "pdp11"}))
    commit_metrics()
    capsys.readouterr()
    summary.main()
    assert "another environment" not in capsys.readouterr().out  # the committed one

    Path("metrics/environment.json").write_text(json.dumps(here))
    summary.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"The committed results come from another environment (cpu {here['cpu']} here, pdp11 there)")

"""What plot draws and the end of `make` prints."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from stages import evaluate, plot
from stages import train as train_stage
from stages.base.errors import UserError
from stages.commands import summary
from tests.support.workspace import ROOT, read_json, run_stages, write_params


def test_plot_draws_every_picture_and_none_is_large(trained):
    evaluate.main()
    plot.main()
    for name in ("curves", "confusion", "reliability", "mistakes", "examples"):
        assert Path(f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert Path(f"plots/{name}.png").stat().st_size < 300_000


def test_plot_shows_of_each_image_what_was_predicted_and_how_surely(trained, monkeypatch):
    evaluate.main()
    drawn = {}
    real = plot.worst_mistakes
    monkeypatch.setattr(plot, "worst_mistakes", lambda *given: drawn.update(given=given) or real(*given))
    plot.main()
    test, predicted, confidence = drawn["given"]
    lines = zip(test.classes[test.labels], test.classes[predicted], confidence, strict=True)
    table = [line.split(",") for line in Path("plots/predictions.csv").read_text().splitlines()[1:]]
    assert [(truth, said, float(sure)) for truth, said, sure in table] == list(lines)


def rows(printed: str) -> dict[str, list[str]]:
    """The table: what it says -> this run, and the committed figure and the difference where there are any."""
    found = re.findall(r"(?m)^((?:validation|test|training|gap).*?)  +(-?\d\.\d{4}.*)$", printed)
    return {name: figures.split() for name, figures in found}


def ran_with(folder: Path, **changes: object) -> None:
    """As if the run that is there had been one with other parameters."""
    ran = read_json("metrics/inputs.json")
    ran["params"] |= changes
    Path("metrics/inputs.json").write_text(json.dumps(ran))
    write_params(folder, **ran["params"])


@pytest.mark.process
def test_the_summary_shows_the_run_and_what_to_do_next(trained, capsys):
    evaluate.main()
    capsys.readouterr()
    summary.main()
    printed = capsys.readouterr().out
    evaluation = read_json("metrics/evaluation.json")
    assert rows(printed) == {
        "validation accuracy": [f"{evaluation['validation']['accuracy']:.4f}"],
        "test accuracy": [f"{evaluation['test']['accuracy']:.4f}"],
        "validation loss": [f"{evaluation['validation']['loss']:.4f}"],
        "test loss": [f"{evaluation['test']['loss']:.4f}"],
        "training loss, dropout off": [f"{evaluation['training']['loss']:.4f}"],
        "gap (validation - training)": [f"{evaluation['validation']['loss'] - evaluation['training']['loss']:.4f}"],
    }
    assert "digits: 1,149 training, 288 validation, 360 test images\nepoch 3 is kept; ran all 3 epochs\n" in printed
    assert max(map(len, printed.splitlines())) <= 80
    named = re.findall(r"[\w/-]+\.(?:html|png|json)", printed)
    assert named[0] == "plots/report.html"
    for name in named:
        path = name if "/" in name else f"plots/{name}"
        assert path in (ROOT / "dvc.yaml").read_text(encoding="utf-8")


@pytest.mark.process
def test_the_summary_says_why_training_stopped(trained, capsys):
    run_stages(trained, train_stage, epochs=3, patience=1, min_delta=0.5)
    train = read_json("metrics/train.json") | {"stopped_epoch": 3, "stopped_early": True}
    Path("metrics/train.json").write_text(json.dumps(train))
    evaluate.main()
    summary.main()
    assert "stopped after epoch 3: val_loss no better by more than 0.5 for an epoch\n" in capsys.readouterr().out


@pytest.mark.process
def test_the_summary_puts_the_committed_results_beside_the_runs_own(trained, capsys):
    evaluate.main()
    commit_results()
    summary.main()
    printed = capsys.readouterr().out
    assert {figures[2] for figures in rows(printed).values()} == {"none"}
    assert "One seed each." not in printed

    evaluation = read_json("metrics/evaluation.json")
    committed = evaluation["test"]["accuracy"]
    evaluation["test"]["accuracy"] = committed - 0.05
    Path("metrics/evaluation.json").write_text(json.dumps(evaluation))
    summary.main()
    printed = capsys.readouterr().out
    assert rows(printed)["test accuracy"] == [f"{committed - 0.05:.4f}", f"{committed:.4f}", "-0.0500"]
    assert "One seed each." in printed


@pytest.mark.process
@pytest.mark.parametrize("changes", [{"limit": 100}, {"split_seed": 7}, {"val_size": 0.3}])
def test_results_on_other_images_are_not_put_beside_the_committed_ones(trained, capsys, changes):
    evaluate.main()
    commit_results()
    ran_with(trained, **changes)
    summary.main()
    printed = capsys.readouterr().out
    assert {len(figures) for figures in rows(printed).values()} == {1}
    assert printed.splitlines()[-1] == (
        f"The committed results are of other images ({next(iter(changes))}): not shown beside these."
    )


def test_the_summary_without_results_says_how_to_get_them(workspace):
    with pytest.raises(UserError, match=r"metrics/data\.json: not there; to make it: dvc repro"):
        summary.main()


def commit_results() -> None:
    for command in (
        "init --quiet",
        "add metrics params.yaml",
        "-c user.name=Test -c user.email=t@example.org commit --quiet -m x",
    ):
        subprocess.run(["git", *command.split()], check=True)


@pytest.mark.process
def test_another_dataset_than_the_committed_one_is_said_with_the_way_back(trained, capsys):
    evaluate.main()
    commit_results()
    ran_with(trained, dataset="fashion_mnist")
    summary.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert (
        last == "These are results on fashion_mnist, the committed ones are on digits. To get back to them: make back"
    )


@pytest.mark.process
def test_parameters_edited_since_the_run_are_said_and_not_taken_for_the_runs_own(trained, capsys):
    evaluate.main()
    write_params(trained, dataset="digits", epochs=7)
    summary.main()
    assert "params.yaml was edited since: these are results of epochs 3. To run it as it is: make" in (
        capsys.readouterr().out
    )


@pytest.mark.process
def test_another_environment_than_the_committed_one_is_said_in_one_line(trained, capsys):
    evaluate.main()
    here = read_json("metrics/environment.json")
    Path("metrics/environment.json").write_text(json.dumps(here | {"cpu": "pdp11"}))
    commit_results()
    capsys.readouterr()
    summary.main()
    assert "another environment" not in capsys.readouterr().out  # the committed one

    Path("metrics/environment.json").write_text(json.dumps(here))
    summary.main()
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"The committed results come from another environment (cpu {here['cpu']} here, pdp11 there)")

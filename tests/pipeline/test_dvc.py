"""The real dvc and make in a clone of the working tree, on the sample."""

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.clone import Clone
from tests.support.workspace import SMALL, write_params

UP_TO_DATE = "Data and pipelines are up to date."


def test_make_has_nothing_to_do_after_a_run_and_opens_its_page(clone: Clone, tmp_path: Path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
    browser.chmod(0o755)
    assert UP_TO_DATE in clone.run("make", "report", BROWSER=f"{browser} %s").stdout
    assert (tmp_path / "opened").read_text().strip() == (clone.folder / "plots/report.html").as_uri()
    assert clone.git_status() == ""


def test_make_leaves_an_environment_alone_that_it_did_not_make(clone: Clone):
    (clone.folder / ".venv/.made").unlink()
    for target in ("env", "clean"):
        done = clone.run("make", target, check=False)
        assert done.returncode == 2
        assert ".venv" in done.stderr
    assert (clone.folder / ".venv/bin").exists()


def test_an_experiment_shows_in_every_diff_and_make_back_undoes_it(clone: Clone):
    before = clone.outputs()
    clone.dvc("exp", "run", "--set-param", "dropout=0.5")
    changed = clone.run("git", "diff", "--unified=0", "HEAD", "--", "params.yaml").stdout
    assert re.findall(r"(?m)^[+-]\w.*", changed) == ["-dropout: 0.3", "+dropout: 0.5"]
    metrics = json.loads(clone.dvc("metrics", "diff", "--json").stdout)
    assert metrics["metrics/evaluation.json"]["validation.loss"]["diff"] != 0
    drawn = clone.dvc("plots", "diff", "HEAD", "workspace", "--json")
    assert "warning" not in (drawn.stdout + drawn.stderr).lower()  # about a column or a file that is missing
    plots = json.loads(drawn.stdout)["data"]
    for plot in ("Loss", "Accuracy", "plots/predictions.csv", "plots/per_class.csv", "plots/mistakes.png"):
        assert {revision for part in plots[plot] for revision in part["revisions"]} == {"HEAD", "workspace"}
    clone.run("make", "back")  # DVC has staged dvc.lock: `git restore` alone would bring nothing back
    assert clone.outputs() == before
    assert clone.git_status() == ""


def test_make_back_repairs_what_a_kill_left_and_keeps_a_persons_own_files(clone: Clone):
    folder = clone.folder
    shutil.copytree(folder / "data/examples", folder / "data/mine")
    clone.dvc("add", "data/mine")
    clone.commit()
    before = clone.outputs()
    write_params(folder, **SMALL, epochs=2)
    (folder / "models/best-model.keras").write_text("of the killed run")  # `dvc checkout` would refuse to replace it
    (folder / "models/model.weights.h5").unlink()
    picture = folder / "data/mine/Bag/new.png"  # `dvc checkout` would refuse to remove it
    shutil.copy(next(picture.parent.glob("*.png")), picture)
    with (folder / "stages/evaluate.py").open("a") as file:
        file.write("# mine\n")
    clone.run("make", "back")
    assert picture.exists()
    assert (folder / "stages/evaluate.py").read_text().endswith("# mine\n")
    assert clone.outputs() == before
    assert clone.git_status().split() == ["M", "stages/evaluate.py"]


def test_a_stage_that_fails_loses_nothing(clone: Clone):
    before = clone.outputs()
    failed = clone.dvc("exp", "run", "-S", "learning_rate=1e30", "-S", "optimizer=sgd", check=False)
    assert failed.returncode
    assert "learning_rate" in failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
    assert clone.outputs() == before
    clone.run("git", "restore", "--source=HEAD", "--staged", "--worktree", "params.yaml", "dvc.lock")
    assert UP_TO_DATE in clone.dvc("repro").stdout


def network_is_off() -> list[str]:
    """Return what comes before a command to run it without a network, not even a local one, and without Git's user."""
    script = '[ ! -e /etc/gitconfig ] || mount --bind /dev/null /etc/gitconfig && exec "$@"'
    command = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-c", script, "sh"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace on this system")
    return command


def test_without_a_network_dvc_names_the_command_and_make_runs_the_sample(clone: Clone):
    offline, nowhere = network_is_off(), {"FASHION_MNIST_DIR": ""}
    write_params(clone.folder, limit=600, epochs=1)
    clone.commit()
    failed = clone.run(*offline, "dvc", "repro", check=False, **nowhere)
    assert failed.returncode
    (line,) = (line for line in failed.stderr.splitlines() if "cannot be downloaded" in line)
    assert "dataset=sample" in line
    made = clone.run(*offline, "make", **nowhere)
    assert "sample instead" in made.stdout
    assert "Traceback" not in made.stderr
    assert json.loads((clone.folder / "metrics/data.json").read_text())["dataset"] == "sample"
    assert "\ndataset: sample\n" in (clone.folder / "params.yaml").read_text()

    before, status = clone.outputs(), clone.git_status()
    assert clone.run(*offline, "make", "back", check=False, **nowhere).returncode
    assert (clone.outputs(), clone.git_status()) == (before, status)  # there is nothing to go back to without the data


def test_verify_names_committed_outputs_that_cannot_be_made_again(clone: Clone):
    metrics, lock = clone.folder / "metrics/train.json", clone.folder / "dvc.lock"
    text = metrics.read_text()
    metrics.write_text(text.replace('"val_accuracy": 0.', '"val_accuracy": 0.9'))
    model = lock.read_text().partition("models/best-model.keras\n")[2].partition("md5: ")[2][:32]
    lock.write_text(lock.read_text().replace(model, "a" * 32))
    assert metrics.read_text() != text
    clone.commit()
    done = clone.run("make", "verify", check=False)
    assert done.returncode
    printed = done.stdout + done.stderr
    for name in ("metrics/train.json", "models/best-model.keras", "dvc.lock"):
        assert name in printed
    assert "plots/history.csv" not in printed
    assert "data/prepared/train_images.npy" not in printed


def test_a_sweep_and_a_try_leave_the_workspace_as_it_was(clone: Clone):
    clone.run("python", "-m", "seeds", "sweep", "dropout=0,0.5", "--seeds", "2", "--jobs", "2")
    with (clone.folder / "plots/sweep.csv").open(encoding="utf-8") as file:
        trained = {(row["dropout"], row["seed"]) for row in csv.DictReader(file)}
    assert trained == {(dropout, seed) for dropout in ("0.3", "0", "0.5") for seed in ("1", "2")}
    assert (clone.folder / "plots/sweep.png").stat().st_size > 10_000
    answer = clone.run("python", "-m", "seeds", "try", "dropout=0.5", "--seeds", "2").stdout  # reads back the same
    assert "dropout 0.5 instead of 0.3" in answer
    assert (clone.folder / "plots/try.png").stat().st_size > 10_000
    assert clone.git_status() == ""
    assert UP_TO_DATE in clone.dvc("repro").stdout


@pytest.mark.acceptance
def test_queued_experiments_run_in_copies_and_are_compared_without_those_that_failed(clone: Clone):
    before = clone.outputs()
    clone.dvc("exp", "run", "--queue", "-S", "dropout=0.3,0.5", "-S", "seed=range(1,3)")
    clone.dvc("exp", "run", "--queue", "-S", "learning_rate=1e20", "-S", "optimizer=sgd")
    clone.dvc("exp", "run", "--run-all", "--jobs", "2", check=False)  # the last one fails
    assert clone.outputs() == before
    assert clone.git_status() == ""
    table = clone.dvc("exp", "show", "--csv").stdout
    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["State"] == "Success"]
    assert {(row["dropout"], row["seed"]) for row in rows} == {(rate, seed) for rate in ("0.3", "0.5") for seed in "12"}
    (clone.folder / "experiments.csv").write_text(table, encoding="utf-8")
    compared = clone.run("python", "-m", "seeds", "compare", "experiments.csv").stdout
    assert "dropout 0.5" in compared
    assert "failed" in compared
    assert "sgd" not in compared

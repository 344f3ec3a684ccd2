"""The real dvc in a clone of the working tree, on the digits."""

import csv
import fcntl
import functools
import io
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from stages.base.errors import BACK
from stages.commands.fetch import dvc_has_the_prepared_data
from tests.support.clone import Clone, outputs, wait_for_queue
from tests.support.workspace import ROOT, read_terminal, write_params


@pytest.fixture
def make_clone(digits_clone: Clone) -> Clone:
    """The clone, with this environment as its own: so that make need not install one."""
    digits_clone.lend_environment()
    return digits_clone


def test_a_second_repro_does_nothing(digits_clone: Clone):
    assert "Data and pipelines are up to date." in digits_clone.dvc("repro").stdout
    assert digits_clone.git_status() == ""


@pytest.mark.acceptance
def test_running_all_again_leaves_every_byte(digits_clone: Clone):
    digits_clone.dvc("repro", "--force")
    assert digits_clone.git_status() == ""


def test_the_stages_follow_each_other(digits_clone: Clone):
    dot = digits_clone.dvc("dag", "--dot").stdout
    for edge in (
        '"check" -> "prepare"',
        '"prepare" -> "train"',
        '"prepare" -> "evaluate"',
        '"train" -> "evaluate"',
        '"evaluate" -> "plot"',
    ):
        assert edge in dot


def test_an_experiment_changes_one_line_of_params_and_shows_in_the_diffs(digits_clone: Clone):
    digits_clone.dvc("exp", "run", "--set-param", "dropout=0.5")
    changed = digits_clone.run("git", "diff", "--unified=0", "HEAD", "--", "params.yaml").stdout
    lines = [line for line in changed.splitlines() if re.match(r"[+-]\w", line)]
    assert lines == ["-dropout: 0.3", "+dropout: 0.5"]
    params = json.loads(digits_clone.dvc("params", "diff", "--json").stdout)
    assert (params["params.yaml"]["dropout"]["old"], params["params.yaml"]["dropout"]["new"]) == (0.3, 0.5)
    metrics = json.loads(digits_clone.dvc("metrics", "diff", "--json").stdout)
    assert metrics["metrics/evaluation.json"]["validation.loss"]["diff"] != 0
    summary = digits_clone.run("python", ".github/summary.py", "HEAD").stdout
    assert re.search(r"\| params\.yaml +\| dropout +\| 0\.3 +\| 0\.5 +\|", summary)
    assert re.search(r"\| metrics/evaluation\.json +\| validation\.loss +\| [\d.]+ +\| [\d.]+ +\|", summary)
    assert summary.count("xychart-beta") == 2
    overlaid = digits_clone.dvc("plots", "diff", "HEAD", "workspace", "--json")
    assert "warning" not in (overlaid.stdout + overlaid.stderr).lower()
    drawn = json.loads(overlaid.stdout)["data"]
    for plot in ("Loss", "Accuracy", "plots/predictions.csv", "plots/per_class.csv", "plots/mistakes.png"):
        assert {revision for part in drawn[plot] for revision in part["revisions"]} == {"HEAD", "workspace"}

    # and back, from DVC's run cache, without training again
    digits_clone.run("git", "checkout", "HEAD", "--", ".")
    back = digits_clone.dvc("repro").stdout
    assert "Stage 'train' is cached - skipping run" in back
    assert "Running stage" not in back
    assert digits_clone.git_status() == ""


def test_setting_parameters_and_setting_them_back_leaves_the_file_as_it_was(digits_clone: Clone):
    before = (digits_clone.folder / "params.yaml").read_bytes()
    for values in (("rmsprop", "null", "1e-5"), ("adam", "2", "0.001")):
        changes = zip(("optimizer", "patience", "learning_rate"), values, strict=True)
        options = [option for name, value in changes for option in ("--set-param", f"{name}={value}")]
        digits_clone.dvc("exp", "run", "check", *options)
    assert (digits_clone.folder / "params.yaml").read_bytes() == before
    assert digits_clone.git_status() == ""


TYPO = ("--set-param", "dropout=1.5", "--name", "typo")


@pytest.mark.parametrize(
    "how", ["repro", "exp run", "exp run --temp", pytest.param("queue", marks=pytest.mark.acceptance)]
)
def test_a_typo_deletes_nothing(digits_clone: Clone, how: str):
    folder = digits_clone.folder
    before = outputs(folder)
    if how == "repro":
        write_params(folder, dataset="digits", epochs=3, dropout=1.5)
        failed = digits_clone.dvc("repro", check=False)
    elif how == "queue":
        digits_clone.dvc("exp", "run", "--queue", *TYPO)
        digits_clone.dvc("queue", "start")
        assert list(wait_for_queue(digits_clone, 60).values()) == ["Failed"]
        failed = digits_clone.dvc("queue", "logs", "typo")
        digits_clone.dvc("queue", "remove", "--all")
    else:
        failed = digits_clone.dvc(*how.split(), *TYPO, check=False)
        assert failed.returncode
    printed = failed.stdout + failed.stderr
    line = next(line for line in printed.splitlines() if line.startswith("params.yaml: "))
    message = "params.yaml: dropout: must be less than 1, got 1.5"
    in_workspace = how in ("repro", "exp run")
    assert line == f"{message}; {BACK}" if in_workspace else message
    assert "Traceback" not in printed
    assert "prepare" not in printed
    assert outputs(folder) == before
    for path in folder.glob("*.yaml"):
        path.touch()  # or Git may not see what DVC changed
    assert digits_clone.git_status() == (" M params.yaml\n" if in_workspace else "")


def test_a_key_that_is_none_is_refused_with_the_nearest_one(digits_clone: Clone):
    before = outputs(digits_clone.folder)
    # DVC itself refuses -S dropuot=0.5, and says that +dropuot=0.5 would append it
    failed = digits_clone.dvc("exp", "run", "--set-param", "+dropuot=0.5", check=False)
    assert "params.yaml: unknown key 'dropuot', did you mean dropout?" in failed.stderr
    assert outputs(digits_clone.folder) == before


def test_make_back_takes_a_refused_value_out_again_even_where_git_sees_no_change(make_clone: Clone):
    before = (make_clone.folder / "params.yaml").read_bytes()
    for _ in range(2):  # Git is blind about two times in three
        assert make_clone.dvc("exp", "run", "--set-param", "dropout=1.5", check=False).returncode
        make_clone.run("make", "back")
        assert (make_clone.folder / "params.yaml").read_bytes() == before
    assert make_clone.git_status() == ""


def test_a_stage_that_fails_loses_its_own_outputs_and_the_command_it_names_brings_them_back(make_clone: Clone):
    before = outputs(make_clone.folder)
    write_params(make_clone.folder, dataset="digits", epochs=3, optimizer="sgd", learning_rate=1e30)
    failed = make_clone.dvc("repro", check=False)
    assert f"epoch 1: loss is nan; lower learning_rate; {BACK}" in failed.stderr.splitlines()
    left = outputs(make_clone.folder)
    assert {path.name for path in set(before) - set(left)} == {
        "best-model.keras", "model_whole.keras", "model.weights.h5", "inputs.json", "history.csv", "train.json",
        "environment.json",
    }  # fmt: skip
    assert {path: before[path] for path in left} == left
    make_clone.run("make", "back")
    assert outputs(make_clone.folder) == before
    assert make_clone.git_status() == ""


def test_a_file_of_the_project_that_is_gone_comes_back_from_git_and_the_outputs_from_the_cache(digits_clone: Clone):
    before = outputs(digits_clone.folder)
    said = {"data/fashion_mnist.yaml": "data/fashion_mnist.yaml", "stages/training/model.py": "stages.training.model"}
    for name, line in said.items():
        (digits_clone.folder / name).unlink()
        failed = digits_clone.dvc("repro", check=False)
        assert failed.returncode == 255
        assert line in failed.stderr
        digits_clone.run("git", "checkout", "HEAD", "--", name)
        digits_clone.dvc("repro")
        assert outputs(digits_clone.folder) == before
        assert digits_clone.git_status() == ""


def test_whether_dvc_has_the_prepared_data_is_asked_of_what_is_there_now(digits_clone: Clone, monkeypatch):
    monkeypatch.chdir(digits_clone.folder)
    assert dvc_has_the_prepared_data()
    write_params(digits_clone.folder, dataset="digits", epochs=3, val_size=0.3)
    assert not dvc_has_the_prepared_data()
    digits_clone.dvc("repro", "prepare")
    assert dvc_has_the_prepared_data()
    write_params(digits_clone.folder, dataset="digits", epochs=3)
    assert dvc_has_the_prepared_data()  # from the run cache
    (digits_clone.folder / "data/fashion_mnist.yaml").unlink()
    assert not dvc_has_the_prepared_data()


def test_metrics_and_plots_are_shown(digits_clone: Clone):
    shown = digits_clone.dvc("metrics", "show").stdout
    for name in ("best_epoch", "test.macro_f1", "test.ece", "train"):
        assert name in shown
    digits_clone.dvc("repro", "--force", "--single-item", "train")  # an earlier test may have removed its table
    drawn = digits_clone.dvc("plots", "show", "--json")
    assert "warning" not in (drawn.stdout + drawn.stderr).lower()
    data = json.loads(drawn.stdout)["data"]
    specs = {name: json.dumps(found[0]["content"]) for name, found in data.items() if found and "content" in found[0]}
    assert "The last training here" in specs
    assert "domain" in specs["plots/per_class.csv"]  # not from wherever the bars differ
    assert "strokeDash" in specs["plots/reliability.csv"]  # the diagonal
    assert set(data) >= {
        "Loss", "Accuracy", "The last training here", "plots/history.csv", "plots/predictions.csv",
        "plots/per_class.csv",
        "plots/reliability.csv", "plots/curves.png", "plots/confusion.png", "plots/reliability.png",
        "plots/mistakes.png", "plots/examples.png",
    }  # fmt: skip


@pytest.mark.acceptance
def test_queued_experiments_run_in_copies_two_at_once_and_show_in_the_table(digits_clone: Clone):
    digits_clone.dvc("exp", "run", "--queue", "--set-param", "dropout=0.1,0.5", "--set-param", "patience=5")
    digits_clone.dvc("queue", "start", "--jobs", "2")
    assert list(wait_for_queue(digits_clone, 180).values()) == ["Success"] * 2
    assert digits_clone.git_status() == ""
    table = digits_clone.dvc("exp", "show", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(table)))
    ran = {(row["dropout"], row["patience"]) for row in rows if row["State"] == "Success"}
    assert ran == {("0.1", "5"), ("0.5", "5")}


@pytest.mark.acceptance
def test_a_temporary_experiment_finds_the_raw_files_of_the_main_checkout(digits_clone: Clone, monkeypatch):
    raw = digits_clone.folder / "data/raw"
    for file in Path(os.environ["FASHION_MNIST_DIR"]).glob("*.gz"):
        shutil.copy(file, raw)
    if len(list(raw.glob("*.gz"))) < 4:
        pytest.skip("no Fashion-MNIST files on this machine")
    monkeypatch.delenv("FASHION_MNIST_DIR")
    change = ("--set-param", "dataset=fashion_mnist", "--set-param", "limit=200")
    done = digits_clone.dvc("exp", "run", "--temp", "--name", "temporary", *change)
    assert "fashion_mnist: 160 train, 40 val, 200 test images" in done.stdout
    assert digits_clone.git_status() == ""


def test_make_is_the_front_door(make_clone: Clone):
    again = make_clone.run("make").stdout
    assert "Data and pipelines are up to date." in again
    assert "dvc exp run -S dropout=0.5" in again
    assert again == make_clone.run("make", "repro").stdout

    described = re.findall(r"make ([\w-]+)", make_clone.run("make", "help").stdout)
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert {name for name in phony.split()[1:] if not name.startswith("ready")} <= set(described)


def test_make_report_opens_the_page_and_without_a_browser_says_where_it_is(make_clone: Clone, tmp_path, monkeypatch):
    page = make_clone.folder / "plots/report.html"
    page.unlink()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/opened"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    assert f"The page of the run: {page}\n" in make_clone.run("make", "report").stdout
    assert page.is_file()
    assert (tmp_path / "opened").read_text().strip() == page.as_uri()

    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert f"The page of the run: {page}\n" in make_clone.run("make", "report").stdout


def test_the_table_of_experiments_has_those_of_every_commit_and_fits_a_terminal(make_clone: Clone):
    make_clone.dvc("exp", "run", "--set-param", "dropout=0.5")
    make_clone.run("git", "commit", "--quiet", "--allow-empty", "--message", "Another")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
    command = ["make", "--no-print-directory", "experiments"]
    with subprocess.Popen(command, cwd=make_clone.folder, stdin=theirs, stdout=theirs) as shown:
        os.close(theirs)
        text = b"".join(iter(functools.partial(read_terminal, ours), b"")).decode()
    make_clone.run("git", "reset", "--quiet", "HEAD~1")
    assert shown.returncode == 0
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[\d;?]*\w", "", text).splitlines()]
    (heads,) = [line.split() for line in lines if line.startswith("dropout")]
    assert heads == ["dropout", "seeds", "val_loss", "±", "commit", "experiment"]
    start = make_clone.run("git", "rev-parse", "HEAD").stdout[:7]
    assert any(line.split()[:2] + line.split()[3:4] == ["0.5", "1", start] for line in lines)
    assert max(map(len, lines)) < 80  # so nothing was cut off
    assert "…" not in text


def test_a_run_needs_no_folder_of_pictures_that_it_does_not_look_at(digits_clone: Clone):
    shutil.rmtree(digits_clone.folder / "data/examples")
    assert "Running stage 'prepare'" in digits_clone.dvc("repro").stdout
    assert [path.name for path in (digits_clone.folder / "data/examples").iterdir()] == [".keep"]


@pytest.mark.parametrize(
    ("words", "slips"),
    [
        (["dropout=0"], "dropout"), (["SEED=3", "DROPUOT=0"], "SEED DROPUOT"),
        (["IMAGE=my mum's picture=1.jpg", "CUDA_VISIBLE_DEVICES=", "PYTEST_ADDOPTS=-x", "https_proxy=x"], ""),
    ],
)  # fmt: skip
def test_a_slip_on_the_command_line_of_make_is_refused(words: list[str], slips: str):
    done = subprocess.run(["make", *words, "help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == (2 if slips else 0), done.stderr
    if slips:
        said = re.search(r"no such name: (.+?); the names are SEEDS JOBS", done.stderr)[1]
        assert set(said.split()) == set(slips.split())


@pytest.mark.parametrize(
    ("goal", "words", "given"),
    [
        ("try", ["DROPOUT=0.5"], ["dropout=0.5"]),
        ("sweep", ["HIDDEN_UNITS=50,100", "LIMIT=", "SAVE_BEST_ONLY=true,false"],
         ["hidden_units=50,100", "limit=", "save_best_only=true,false"]),
        ("sweep", [], ["dropout=0,0.1,0.3,0.5", "patience=1,2,5"]),
        ("try", [], []),
    ],
)  # fmt: skip
def test_make_sets_any_parameter_in_capitals(goal: str, words: list[str], given: list[str]):
    done = subprocess.run(["make", "--dry-run", goal, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert sorted(shlex.split(setting)[0] for setting in done.stdout.split("--set-param ")[1:]) == sorted(given)


@pytest.mark.parametrize("goal", ["repro", "compare", ""])
def test_a_parameter_that_make_would_not_heed_is_refused(goal: str):
    command = ["make", "--dry-run", "DROPOUT=0.5", *filter(None, [goal])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "DROPOUT is for make try and make sweep; one run: dvc exp run -S name=value" in done.stderr


def test_make_names_a_python_that_will_not_do(digits_clone: Clone, tmp_path: Path):
    shutil.copy(digits_clone.folder / "Makefile", tmp_path)
    done = subprocess.run(["make", "PYTHON=/no/such/python"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("make: /no/such/python is no Python 3.11, 3.12 or 3.13;")
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("name", [".dvc/tmp/rwlock", "dvc.lock"])
def test_make_goes_on_where_dvc_was_killed_in_the_middle_of_its_own_file(make_clone: Clone, name: str):
    lock = (make_clone.folder / "dvc.lock").read_text()
    torn = {".dvc/tmp/rwlock": '{"re', "dvc.lock": lock[: lock.rindex("md5: ") + 3]}[name]
    (make_clone.folder / name).write_text(torn)
    assert make_clone.dvc("repro", "--force", check=False).returncode == 255
    assert f"{name}: half written by a dvc that was killed" in make_clone.run("make").stdout
    assert make_clone.git_status() == ""

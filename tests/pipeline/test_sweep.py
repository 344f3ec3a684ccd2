"""A grid of DVC's experiments: its order, its failures, its end, and what is left where it is killed."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import dvc.api
import psutil
import pytest

from stages.base.params import read_params
from stages.experiments.clones import clone as make_clone
from stages.experiments.runner import FAILED, FOLDER
from tests.support.clone import Clone
from tests.support.workspace import ROOT

COMMITTED = read_params(ROOT / "params.yaml")
SWEEP = ("python", "-m", "stages.commands.sweep")
ANSWER = ("python", "-m", "stages.commands.answer")


def test_a_clone_is_committed_in_by_whom_the_repository_names(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    project = Clone(tmp_path / "project")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(project.folder)
    make_clone(tmp_path / "clone", Path("cache"))
    assert project.run("git", "-C", str(tmp_path / "clone"), "config", "user.email").stdout == "test@example.org\n"


def sweep(clone: Clone, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return clone.run(*SWEEP, *words, check=check)


def experiments(clone: Clone) -> dict[str, str]:
    """The commit of each experiment."""
    listed = clone.run("git", "for-each-ref", "--format=%(refname:lstrip=4) %(objectname)", "refs/exps").stdout
    return dict(line.split() for line in listed.splitlines() if not line.startswith(" "))


GRID = ("-S", "dropout=0.5", "-S", "patience=1,2", "-S", "epochs=20", "--seeds", "1", "--jobs", "1")


def test_a_sweep_from_its_first_run_to_the_comparison(digits_clone: Clone):
    # each experiment is told, the shorter patience costs no epoch, and the workspace is as it was
    said = sweep(digits_clone, *GRID).stdout
    assert "3 experiments, 0 of them there already" in said
    lines = [line for line in said.splitlines() if "val_loss" in line]
    assert len(lines) == len(experiments(digits_clone)) == 3
    assert sum(bool(re.search(r"dropout 0.3, patience 2, epochs 3, .*\(\d new epochs", line)) for line in lines) == 1
    changed = [line for line in lines if "dropout 0.5" in line]
    assert re.search(r"patience 2.*\([1-9]\d* new epochs", changed[0])
    assert re.search(r"patience 1.*\(0 new epochs", changed[1])
    assert digits_clone.git_status() == ""
    assert [path.name for path in (digits_clone.folder / FOLDER).iterdir()] == ["lock"]

    # what is there is not run again
    said = sweep(digits_clone, *GRID).stdout
    assert "3 experiments, 3 of them there already" in said
    assert "0 run in" in said

    compare = ("python", "-m", "stages.commands.compare", "--baseline", "dropout=0.5,patience=2,epochs=20")
    said = digits_clone.run(*compare).stdout
    assert re.search(r"(?m)^patience 1 +1 +0\.", said)  # setting, seeds, mean
    with (digits_clone.folder / "plots/comparison.csv").open(encoding="utf-8") as file:
        assert {(row["dropout"], row["patience"]) for row in csv.DictReader(file)} == {
            ("0.5", "1"), ("0.5", "2"), ("0.3", "2"),
        }  # fmt: skip

    # one question is answered by what is there; one seed is no answer, and that is said
    said = digits_clone.run(*ANSWER, "-S", "dropout=0.5", "-S", "epochs=20", "--seeds", "1").stdout
    assert "2 experiments, 2 of them there already" in said
    assert "dropout 0.5 instead of 0.3, epochs 20 instead of 3: " in said
    assert (digits_clone.folder / "plots/try.png").exists()


@pytest.mark.acceptance
def test_what_fails_is_named_and_the_exit_code_says_so(digits_clone: Clone):
    before = experiments(digits_clone).keys()
    failing = sweep(digits_clone, "-S", "learning_rate=1e30", "-S", "epochs=1", check=False)
    assert failing.returncode == 1
    assert failing.stdout.count("FAILED: epoch 1: loss is ") == 1
    assert failing.stderr == "1 of 2 experiments failed, see above; the same command tries them again\n"
    (log,) = (digits_clone.folder / FAILED).iterdir()
    assert "Running stage 'train'" in log.read_text()
    assert len(experiments(digits_clone).keys() - before) == 1


# What a stage finds, as its own process sees it: planted at its end.
TELL = """
    import json, os, signal, threading
    from pathlib import Path
    Path({path!r}).write_text(json.dumps({{
        "argv": [sys.argv[0].removeprefix(os.getcwd()), *sys.argv[1:]], "original": sys.orig_argv[1:],
        "path": os.path.samefile(sys.path[0], "."), "root": os.path.samefile(os.environ["DVC_ROOT"], "."),
        "spec": __spec__.name, "open": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(),
        "interrupt": signal.getsignal(signal.SIGINT).__name__, "leads": os.getpid() == os.getpgid(0),
        "environment": dict(os.environ), "loaded": "networkx" in sys.modules,
    }}))
"""


@pytest.mark.acceptance
def test_an_experiment_is_that_of_dvc_exp_run_and_its_stages_find_what_they_find_there(digits_clone: Clone, tmp_path):
    stage, path = digits_clone.folder / "stages/check.py", tmp_path / "found.json"
    stage.write_text(f"import sys\n{stage.read_text()}{TELL.format(path=str(path))}")
    digits_clone.commit()
    try:
        sweep(digits_clone, "-S", "dropout=0.6", "--seeds", "1", "--jobs", "1")
        warm = json.loads(path.read_text())
        by_hand = ("--force", "--name", "by-hand", "-S", "dropout=0.6", "-S", "seed=1")
        digits_clone.dvc("exp", "run", *by_hand)
        cold = json.loads(path.read_text())
        found = experiments(digits_clone)
        (name,) = (name for name in found if name.startswith("dropout-0.6-"))
        digits_clone.run("git", "diff", "--exit-code", found[name], found["by-hand"])
    finally:
        digits_clone.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    assert (warm.pop("loaded"), cold.pop("loaded")) == (True, False)
    there, here = warm.pop("environment"), cold.pop("environment")
    assert warm == cold
    own = {"DVC_EXP_NAME", "DVC_ROOT", "PATH", "PYTEST_CURRENT_TEST", "PWD", "OLDPWD", "SHLVL", "_"}
    assert {name: there.get(name) for name in here.keys() - own} == {name: here[name] for name in here.keys() - own}


@pytest.mark.acceptance
def test_one_question_is_answered_in_a_sentence_and_a_picture(digits_clone: Clone):
    asked = (*ANSWER, "-S", "dropout=0.5", "-S", "epochs=1", "--seeds", "2")
    said = digits_clone.run(*asked).stdout
    assert "4 experiments, " in said
    last = " ".join(said.split("\n\n", 1)[1].split())
    assert re.match(r"dropout 0\.5 instead of 0\.3, epochs 1 instead of 3: validation loss higher by 0\.\d+ "
                    r"\(.+\): too few seeds to tell \(it would take about \d+ seeds\) "
                    r"The picture, a dot for each seed: plots/try\.png$", last), said  # fmt: skip
    picture = (digits_clone.folder / "plots/try.png").read_bytes()
    assert digits_clone.git_status() == ""
    again = digits_clone.run(*asked).stdout
    assert "4 experiments, 4 of them there already" in again
    assert again.split("\n\n", 1)[1] == said.split("\n\n", 1)[1]
    assert (digits_clone.folder / "plots/try.png").read_bytes() == picture


@pytest.mark.acceptance
def test_a_question_about_other_images_is_answered_on_these(digits_clone: Clone):
    asked = ("-S", "dropout=0.5", "-S", "epochs=1", "-S", "limit=300", "--seeds", "2")
    of_other_images = digits_clone.run(*ANSWER, *asked).stdout
    assert "epochs 1 instead of 3, on limit 300: validation loss" in " ".join(of_other_images.split())


@pytest.mark.acceptance
def test_a_sweep_of_two_at_a_time_reads_the_shorter_patience_back(digits_clone: Clone):
    said = sweep(digits_clone, "-S", "dropout=0,0.4", "-S", "patience=1,2,4", "-S", "epochs=20", "--jobs", "2").stdout
    for dropout in (0, 0.4):
        longest, *shorter = (
            line for line in said.splitlines() if f"dropout {dropout}, " in line and "val_loss" in line
        )
        assert re.search(r"patience 4.*\([1-9]\d* new epochs", longest)
        assert [bool(re.search(r"patience [12].*\(0 new epochs", line)) for line in shorter] == [True, True]
    failing = sweep(digits_clone, "-S", "learning_rate=0.001,1e30", "-S", "epochs=1", check=False)
    assert failing.stdout.count("FAILED: epoch 1: loss is ") == 1
    assert re.match("1 of [23] experiments failed", failing.stderr)  # the committed setting may be there from before


@pytest.mark.acceptance
def test_one_whose_stages_were_not_all_run_is_left_out(digits_clone: Clone):
    """Its metrics are older than its model."""
    digits_clone.dvc("exp", "run", "train", "--name", "half", "-S", "dropout=0.5", "-S", "epochs=2")
    said = digits_clone.run("python", "-m", "stages.commands.experiments").stdout
    assert "left out, since not all of its stages were run: half" in said


@pytest.mark.acceptance
def test_one_that_failed_is_not_compared_though_dvc_shows_it_with_the_metrics_of_its_baseline(digits_clone: Clone):
    digits_clone.dvc("exp", "run", "--queue", "--name", "planted", "-S", "dropout=0.5", "-S", "learning_rate=1e30")
    digits_clone.dvc("queue", "start")
    wait_until(lambda: re.search(r"planted .*Failed", digits_clone.dvc("queue", "status").stdout))
    (row,) = (row for row in dvc.api.exp_show(str(digits_clone.folder)) if row["Experiment"] == "planted")
    assert row["learning_rate"] == 1e30
    assert row["val_loss"] == json.loads((digits_clone.folder / "metrics/train.json").read_text())["val_loss"]
    said = digits_clone.run("python", "-m", "stages.commands.experiments", check=False)
    assert "planted" not in said.stdout


def started(clone: Clone, *words: str) -> subprocess.Popen:
    """A sweep in a process group of its own, some seconds after its first experiments began."""
    process = subprocess.Popen(
        [*SWEEP, *words], cwd=clone.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert "there already" in process.stdout.readline()
    wait_until(lambda: inside(clone))
    time.sleep(3)
    return process


def wait_until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def inside(clone: Clone) -> list[psutil.Process]:
    """The processes that run in the sweep's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (clone.folder / FOLDER).resolve() in Path(process.cwd()).parents:
                found.append(process)
    return found


@pytest.mark.acceptance  # tests/experiments/test_task.py has its short form, without DVC
def test_after_a_kill_the_same_command_goes_on_and_after_ctrl_c_nothing_runs_on(digits_clone: Clone):
    words = ("-S", "hidden_units=7", "--jobs", "2")
    before = experiments(digits_clone)
    killed = started(digits_clone, *words)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    wait_until(lambda: not inside(digits_clone))  # its experiments end by themselves: nobody listens any more
    assert experiments(digits_clone) == before
    assert digits_clone.git_status() == ""

    stopped = started(digits_clone, *words)
    stopped.send_signal(signal.SIGINT)
    assert stopped.stdout.read() == "stopped by Ctrl-C; to go on, run it again\n"
    assert stopped.wait() == 130
    assert inside(digits_clone) == []

    assert re.search(r"2 experiments, [01] of them there already", sweep(digits_clone, *words).stdout)
    assert len(experiments(digits_clone)) in (len(before) + 1, len(before) + 2)
    assert {path.name for path in (digits_clone.folder / FOLDER).iterdir()} <= {"lock", FAILED.name}
    assert digits_clone.git_status() == ""

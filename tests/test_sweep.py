"""A grid of DVC's experiments: its order, its failures, its end, and what is left where it is killed."""

import contextlib
import csv
import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import dvc.api
import psutil
import pytest

from stages.commands.sweep import arguments, grid, varied
from stages.core.clones import clone as make_clone
from stages.core.errors import BACK, UserError
from stages.core.experiments import committed_params
from stages.core.params import read_params
from stages.core.runner import COMPUTED, FAILED, FOLDER, READ_BACK, count, fault, written
from stages.core.store import StoredEpochs
from tests.conftest import ROOT, Clone

COMMITTED = read_params(ROOT / "params.yaml")
SWEEP = ("python", "-m", "stages.commands.sweep")


def test_the_values_of_each_parameter_are_read_as_yaml_reads_them():
    assert varied(["dropout=0, 0.2,0.5", "patience=2,null"], 3) == {
        "dropout": [0, 0.2, 0.5], "patience": [2, None], "seed": [1, 2, 3],
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong", [["dropout"], ["dropout="], ["dropout=,"], ["dropout=2,"], ["dropout=0", "dropout=1"]]
)
def test_what_is_no_list_of_values_is_refused(wrong: list[str]):
    with pytest.raises(UserError, match="sweep: must be a list of values for each parameter once, got 'dropout"):
        varied(wrong, None)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["-S", "dropout=0,["], r"^sweep: dropout: must be a value, got '\['$"),
        (["--seeds", "0"], r"^sweep: must be a list of values for each parameter once, got 'seed='$"),
        (["--jobs", "0"], r"^sweep: jobs: must be at least 1, got 0$"),
    ],
)
def test_a_wrong_word_on_the_command_line_is_one_line(words, line):
    def read():
        options = arguments(words)
        return varied(options.set_param, options.seeds)

    with pytest.raises(UserError, match=line):
        read()


def test_elsewhere_than_in_the_root_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^params.yaml: not there; run this from the root of the project$"):
        committed_params()


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"dropout": [0, 1.5]}, r"sweep: dropout: must be less than 1, got 1\.5"),
        ({"droput": [0]}, r"sweep: unknown key 'droput', did you mean dropout\?"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_runs(values, line):
    with pytest.raises(UserError, match=line):
        grid(COMMITTED, values)


def test_the_longest_patience_comes_first_and_neighbours_share_no_epoch():
    settings = grid(COMMITTED, {"dropout": [0, 0.5], "patience": [2, 5, None, 1], "seed": [1, 2]})
    assert len(settings) == 16
    assert [each.patience for each in settings] == [None] * 4 + [5] * 4 + [2] * 4 + [1] * 4
    assert all((one.dropout, one.seed) != (next_.dropout, next_.seed) for one, next_ in pairwise(settings))


def test_what_is_named_twice_runs_once():
    assert len(grid(COMMITTED, {"dropout": [0, 0.0, 0.1]})) == 2


def test_values_are_written_as_dvc_takes_them():
    assert [written(value) for value in (None, True, 0.5, 0.0, "adam", 1e-05, 0.123456789)] == [
        "null", "true", "0.5", "0", "adam", "1e-05", "0.123456789",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("read_back", "computed", "counts"),
    [([], [0, 1, 2], (0, 3)), ([0, 1], [], (2, 0)), ([0, 1, 2, 4], [3, 5, 6], (4, 3)), ([0], [1], (1, 1))],
)
def test_the_epochs_are_counted_in_what_the_stage_says(tmp_path, read_back, computed, counts):
    epochs = StoredEpochs(None, [], "key", tmp_path)
    epochs.read_back, epochs.computed = read_back, computed
    output = f"epoch loss\n{epochs.summary()}\nstopped after epoch 7"
    assert (count(READ_BACK, output), count(COMPUTED, output)) == counts


def test_the_fault_is_the_stages_own_line_or_else_dvcs():
    stage = f"epoch 1: loss is nan; lower learning_rate; {BACK}\nERROR: failed to reproduce 'train': failed to run: x\n"
    assert fault(f"Running stage 'train':\n{stage}\n") == "epoch 1: loss is nan; lower learning_rate"
    assert fault("ERROR: experiment 'a' already exists\n") == "experiment 'a' already exists"
    assert fault("") == "no output"


@pytest.mark.dvc
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


GRID = ("-S", "dropout=0,0.5", "-S", "patience=1,2", "-S", "epochs=20", "--seeds", "1", "--jobs", "2")


@pytest.mark.dvc
def test_a_sweep_from_its_first_run_to_the_comparison(digits_clone: Clone):
    # each experiment is told, the shorter patience costs no epoch, and the workspace is as it was
    said = sweep(digits_clone, *GRID).stdout
    assert "4 experiments, 0 of them there already" in said
    lines = [line for line in said.splitlines() if "val_loss" in line]
    assert len(lines) == len(experiments(digits_clone)) == 4
    assert [line for line in lines if "patience 1" in line and "(0 epochs computed" in line] == lines[2:]
    assert digits_clone.git_status() == ""
    assert [path.name for path in (digits_clone.folder / FOLDER).iterdir()] == ["lock"]

    # what is there is not run again
    said = sweep(digits_clone, *GRID).stdout
    assert "4 experiments, 4 of them there already" in said
    assert "0 run in" in said

    # what fails is named, and the exit code says so
    failing = sweep(digits_clone, "-S", "learning_rate=0.001,1e30", "-S", "epochs=1", check=False)
    assert failing.returncode == 1
    assert failing.stdout.count("FAILED: epoch 1: loss is ") == 1
    assert failing.stderr == "1 of 2 experiments failed, see above; the same command tries them again\n"
    (log,) = (digits_clone.folder / FAILED).iterdir()
    assert "Running stage 'train'" in log.read_text()
    found = experiments(digits_clone)
    assert [name for name in found if "epochs-1-" in name] != []
    assert not [name for name in found if "1e+30" in name]

    # an experiment is that of `dvc exp run`
    digits_clone.dvc("exp", "run", "--name", "by-hand", "-S", "dropout=0.5", "-S", "epochs=20", "-S", "seed=1")
    found = experiments(digits_clone)
    (name,) = (name for name in found if name.startswith("dropout-0.5-patience-2-epochs-20-seed-1-"))
    digits_clone.run("git", "diff", "--exit-code", found[name], found["by-hand"])

    # one whose stages were not all run is left out: its metrics are older than its model
    digits_clone.dvc("exp", "run", "train", "--name", "half", "-S", "dropout=0.5", "-S", "epochs=2")

    # one that failed is not compared, though DVC shows it, with the metrics of its baseline
    digits_clone.dvc("exp", "run", "--queue", "--name", "planted", "-S", "dropout=0.5", "-S", "learning_rate=1e30")
    digits_clone.dvc("queue", "start")
    wait_until(lambda: re.search(r"planted .*Failed", digits_clone.dvc("queue", "status").stdout))
    (row,) = (row for row in dvc.api.exp_show(str(digits_clone.folder)) if row["Experiment"] == "planted")
    assert row["learning_rate"] == 1e30
    assert row["val_loss"] == json.loads((digits_clone.folder / "metrics/train.json").read_text())["val_loss"]
    compare = ("python", "-m", "stages.commands.compare", "--baseline", "dropout=0,patience=2,epochs=20")
    said = digits_clone.run(*compare).stdout
    assert " dropout 0.5, epochs 20, patience 1 " in said
    assert "left out, since not all of its stages were run: half" in said
    with (digits_clone.folder / "plots/comparison.csv").open(encoding="utf-8") as file:
        assert {(row["epochs"], row["dropout"], row["patience"]) for row in csv.DictReader(file)} == {
            ("1", "0.3", "2"), *itertools.product(["20"], ["0.0", "0.5"], ["1", "2"]),
        }  # fmt: skip


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


@pytest.mark.dvc
def test_after_a_kill_the_same_command_goes_on_and_after_ctrl_c_nothing_runs_on(digits_clone: Clone):
    words = ("-S", "dropout=0,0.5", "-S", "hidden_units=7", "--jobs", "2")
    before = experiments(digits_clone)
    killed = started(digits_clone, *words)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    wait_until(lambda: not inside(digits_clone))  # its experiments end by themselves: nobody listens any more
    assert experiments(digits_clone) == before
    assert digits_clone.git_status() == ""

    stopped = started(digits_clone, *words)
    stopped.send_signal(signal.SIGINT)
    assert stopped.stdout.read() == "stopped by SIGINT; nothing was replaced; to go on, run it again\n"
    assert stopped.wait() == 130
    assert inside(digits_clone) == []

    assert "2 experiments, 0 of them there already" in sweep(digits_clone, *words).stdout
    assert len(experiments(digits_clone)) == len(before) + 2
    assert {path.name for path in (digits_clone.folder / FOLDER).iterdir()} <= {"lock", FAILED.name}
    assert digits_clone.git_status() == ""

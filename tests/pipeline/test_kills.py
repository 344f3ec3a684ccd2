"""Stages that are killed or whose inputs are edited while they run: no byte and no record is wrong afterwards."""

import json
import os
import re
import shutil
import signal
import subprocess
import zipfile

import pytest
import yaml

from tests.support.clone import Clone, moment
from tests.support.workspace import read_json

# Moments at which `dvc repro` dies, one after the other in one training: an audit event, a part of its first argument,
# and how many times it has happened.
KILLS = {
    "between two outputs of prepare": "os.rename:data/prepared/.unfinished-val:1",
    "as the first record is opened": "open:.unfinished-000001:1",
    "as a record gets its name": "os.rename:.unfinished-000002:1",
    "between a record and its checkpoint": "open:.unfinished-best-model.keras:2",
    "dvc alone, in a record": "open:.unfinished-000003:1",
    "as the whole model is written, after the last epoch": "open:.unfinished-model_whole.keras:1",
    "as the checkpoint is made canonical": "os.rename:best-model.keras.tmp:1",
    "as the metrics are written": "open:.unfinished-train.json:1",
    "before the first output of train gets its name": "os.rename:models/.unfinished-best-model.keras:1",
    "between two outputs of train": "os.rename:models/.unfinished-model_whole.keras:1",
    "before the last output of train gets its name": "os.rename:metrics/.unfinished-train.json:1",
    "between two outputs of evaluate": "os.rename:plots/.unfinished-per_class.csv:1",
    "between two outputs of plot": "os.rename:plots/.unfinished-confusion.png:1",
}
FEW = (
    "between two outputs of prepare", "as a record gets its name", "between two outputs of train",
    "between two outputs of evaluate", "between two outputs of plot",
)  # fmt: skip
KILL_GROUP = "kill -KILL 0"  # dvc and the stage
KILL_DVC = "kill -KILL $(ps -o sid= $$)"  # not the parent: that may be a shell


def start(clone: Clone, *command: str, **environment: str) -> subprocess.Popen:
    """Start a command in a session of its own, so that its whole group can be killed."""
    return subprocess.Popen(
        command, cwd=clone.folder, env=os.environ | {"SHELL": "/bin/sh"} | environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def stored(clone: Clone) -> int:
    """Return the number of whole records."""
    return len(list((clone.folder / "models/.epochs").glob("*/0*")))


def results(clone: Clone) -> dict[str, bytes]:
    return clone.outputs() | {"dvc.lock": (clone.folder / "dvc.lock").read_bytes()}


def forget(clone: Clone) -> None:
    """Remove the stored epochs and the cache, and fill every output with other bytes."""
    for name in ("models/.epochs", ".dvc/cache"):
        shutil.rmtree(clone.folder / name, ignore_errors=True)
    for name in clone.outputs():
        (clone.folder / name).unlink()
        (clone.folder / name).write_text("another run's")


def assert_survives(clone: Clone, expected: dict[str, bytes], kills: dict[str, str]) -> None:
    """Kill a run at each moment in turn, then let it end: with the bytes of a run that nobody disturbed."""
    for name, at in kills.items():
        before, dvc_alone = stored(clone), name.startswith("dvc alone")
        killed = start(clone, "dvc", "repro", **moment(at, KILL_DVC if dvc_alone else KILL_GROUP))
        assert killed.wait(300) == -signal.SIGKILL, name
        print(f"killed {name}: {before} records before, {stored(clone)} after")
        assert stored(clone) >= before
        if dvc_alone:  # at once with other parameters, while the orphaned stage still runs
            usual = (clone.folder / "params.yaml").read_text()
            (clone.folder / "params.yaml").write_text(usual.replace("dropout: 0.3", "dropout: 0.5"))
            clone.dvc("repro", "train")
            (clone.folder / "params.yaml").write_text(usual)
    clone.dvc("repro")
    assert results(clone) == expected


@pytest.mark.parametrize("kills", [FEW, pytest.param(tuple(KILLS), marks=pytest.mark.acceptance)], ids=["few", "all"])
def test_kills_in_every_stage_end_at_the_bytes_of_an_undisturbed_run(clone: Clone, kills: tuple[str, ...]):
    expected = results(clone)
    forget(clone)
    assert_survives(clone, expected, {name: KILLS[name] for name in kills})
    assert "epochs 1-3 read back" in clone.dvc("repro", "--force", "--single-item", "train").stdout


@pytest.mark.acceptance
def test_an_experiment_killed_in_a_temporary_copy_goes_on_elsewhere(clone: Clone):
    change = ("--set-param", "dropout=0.5")
    killed = start(clone, "dvc", "exp", "run", "--temp", *change, **moment("open:.unfinished-000003:1", KILL_GROUP))
    assert killed.wait(120) == -signal.SIGKILL
    assert "epochs 1-2 read back" in clone.dvc("exp", "run", *change).stdout


CHANGE = ("--set-param", "dropout=0.25", "--set-param", "epochs=2")
EDIT_PARAMS = "sed -i 's/^dropout: 0.25/dropout: 0.65/' params.yaml"
NETWORKS = "stages/training/networks.py"
COMPUTING = "open:models/.unfinished-model_whole.keras:1"  # an output of train is being written
CHECKED = "os.rename:metrics/.unfinished-train.json:1"  # its inputs are checked, and the last output gets its name


def assert_agrees(clone: Clone, dropout: float) -> None:
    """Assert that dvc.lock, the model, its card and the metrics in the workspace are of one training."""
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text())
    recorded = {
        entry["params"]["params.yaml"]["dropout"]
        for entry in lock["stages"].values()
        if "dropout" in entry.get("params", {}).get("params.yaml", {})
    }
    with zipfile.ZipFile(clone.folder / "models/best-model.keras") as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
    rate = next(layer["config"]["rate"] for layer in layers if layer["class_name"] == "Dropout")
    card = re.search(r"\| dropout \| (.+?) \|", (clone.folder / "models/CARD.md").read_text())[1]
    assert recorded == {rate} == {float(card)} == {dropout}
    trained = read_json(clone.folder / "metrics/train.json")
    evaluated = read_json(clone.folder / "metrics/evaluation.json")["validation"]
    assert evaluated == {"loss": trained["val_loss"], "accuracy": trained["val_accuracy"]}


BRANCH_AND_BACK = f"git checkout -q --force other -- {NETWORKS} && git checkout -q --force main -- {NETWORKS}"


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (EDIT_PARAMS, "params.yaml: dropout"),
        pytest.param(BRANCH_AND_BACK, NETWORKS, marks=pytest.mark.acceptance),
    ],
    ids=["parameter", "branch"],
)
def test_an_edit_during_a_stage_ends_it_and_nothing_is_recorded(clone: Clone, edit: str, name: str):
    clone.run("git", "checkout", "--quiet", "-b", "other")
    with (clone.folder / NETWORKS).open("a") as file:
        file.write("\nOTHER = 1\n")
    clone.run("git", "commit", "--quiet", "--all", "--message", "Other")
    clone.run("git", "checkout", "--quiet", "main")
    failed = clone.dvc("exp", "run", *CHANGE, check=False, **moment(COMPUTING, edit))
    assert failed.returncode
    assert any(line.startswith(f"{name} changed while train ran") for line in failed.stderr.splitlines())
    assert "0.25" not in clone.dvc("exp", "show", "--csv", "--hide-workspace").stdout
    again = clone.dvc("exp", "run", *CHANGE).stdout
    assert edit != EDIT_PARAMS or "epochs 1-2 read back" in again
    assert_agrees(clone, 0.25)


def test_an_edit_in_the_moment_before_dvc_records_a_stage_is_refused_by_the_next_one(clone: Clone):
    """The stage has checked its inputs, and DVC has not hashed them yet."""
    clone.dvc("exp", "run", *CHANGE, check=False, **moment(CHECKED, EDIT_PARAMS))
    refused = clone.dvc("repro", check=False)
    assert refused.returncode
    assert re.search("dropout 0.25, now 0.65.* dvc repro --force train", refused.stderr)
    clone.dvc("repro", "--force", "train")
    clone.dvc("repro")
    assert_agrees(clone, 0.65)

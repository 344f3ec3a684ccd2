"""Stages that are killed or whose inputs are edited while they run: no byte and no record is wrong afterwards."""

import re
import shutil
import signal
import subprocess
from os import environ

import yaml

from stages.training.backend import keras
from tests.support.clone import Clone, moment
from tests.support.workspace import SMALL, read_json, write_params

# Moments at which `dvc repro` dies, one after the other in one run: an audit event, a part of its first argument, and
# how many times it has happened.
KILLS = {
    "between two outputs of prepare": "os.rename:data/prepared/.unfinished-val:1",
    "between a record and its checkpoint": "open:.unfinished-best-model.keras:2",
    "between two outputs of train": "os.rename:models/.unfinished-model_whole.keras:1",
    "between two outputs of evaluate": "os.rename:plots/.unfinished-per_class.csv:1",
    "between two outputs of plot": "os.rename:plots/.unfinished-confusion.png:1",
}


def results(clone: Clone) -> dict[str, bytes]:
    return clone.outputs() | {"dvc.lock": (clone.folder / "dvc.lock").read_bytes()}


def test_kills_in_every_stage_end_at_the_bytes_of_an_undisturbed_run(clone: Clone):
    expected = results(clone)
    for name in ("models/.epochs", ".dvc/cache"):
        shutil.rmtree(clone.folder / name)
    for name in clone.outputs():
        (clone.folder / name).unlink()  # it may be a link into the cache
        (clone.folder / name).write_text("another run's")
    printed = {}
    for name, at in KILLS.items():
        killed = subprocess.run(
            ["dvc", "repro"], cwd=clone.folder, env=environ | moment(at, "kill -KILL 0"), start_new_session=True,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert killed.returncode == -signal.SIGKILL, name
        printed[name] = killed.stdout
    assert re.findall(r"(\d)/3 .* stored ", printed["between two outputs of train"]) == ["1", "2"]
    clone.dvc("repro")
    assert results(clone) == expected


CHANGE = SMALL | {"dropout": 0.25, "epochs": 2}
EDIT_PARAMS = "sed -i 's/^dropout: 0.25/dropout: 0.65/' params.yaml"
COMPUTING = "open:models/.unfinished-model_whole.keras:1"  # an output of train is being written
CHECKED = "os.rename:metrics/.unfinished-train.json:1"  # its inputs are checked, and the last output gets its name


def assert_agrees(clone: Clone, dropout: float) -> None:
    """Assert that dvc.lock, the model and the metrics in the workspace come from one training."""
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text())
    recorded = {
        entry["params"]["params.yaml"]["dropout"]
        for entry in lock["stages"].values()
        if "dropout" in entry.get("params", {}).get("params.yaml", {})
    }
    model = keras.models.load_model(clone.folder / "models/best-model.keras")
    assert recorded == {model.get_layer("dropout").rate} == {dropout}
    trained = read_json(clone.folder / "metrics/train.json")
    evaluated = read_json(clone.folder / "metrics/evaluation.json")["validation"]
    assert evaluated == {"loss": trained["val_loss"], "accuracy": trained["val_accuracy"]}


def test_an_edit_during_a_stage_is_never_recorded(clone: Clone):
    before = results(clone)
    write_params(clone.folder, **CHANGE)
    failed = clone.dvc("repro", check=False, **moment(COMPUTING, EDIT_PARAMS))
    assert failed.returncode
    assert "params.yaml: dropout changed" in failed.stderr
    assert results(clone) == before

    # The stage has checked its inputs, and DVC has not hashed them yet: the next stage refuses to go on.
    write_params(clone.folder, **CHANGE)
    refused = clone.dvc("repro", check=False, **moment(CHECKED, EDIT_PARAMS))
    assert "epochs 1-2 read back" in refused.stdout
    assert refused.returncode
    assert re.search("dropout 0.25.* 0.65.* dvc repro --force train", refused.stderr)
    clone.dvc("repro", "--force", "train")
    clone.dvc("repro")
    assert_agrees(clone, 0.65)

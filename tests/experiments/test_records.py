"""Whether what DVC recorded is what the stages read; no DVC."""

import copy
import hashlib
from pathlib import Path

import pytest
import yaml

from stages.base.files import as_json
from stages.base.inputs import record
from stages.experiments.records import contradiction, false_runs, is_true, params_of
from tests.support.workspace import ROOT

COMMITTED = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def sealed(lock: dict) -> dict:
    """The same with records that say what it says."""
    for entry in lock["stages"].values():
        for out in entry["outs"]:
            if out["path"].endswith("/inputs.json"):
                said = record(entry["params"]["params.yaml"], {dep["path"]: dep["md5"] for dep in entry["deps"]})
                out["md5"] = hashlib.md5(as_json(said).encode()).hexdigest()
    return lock


def changed(stage: str, *, param: dict | None = None, dep: str | None = None, made_of_it: bool = False) -> dict:
    """The committed dvc.lock, something in it changed: in DVC's entry alone, or in the stage's own record too."""
    lock = copy.deepcopy(COMMITTED)
    entry = lock["stages"][stage]
    entry["params"]["params.yaml"] |= param or {}
    for each in entry["deps"]:
        if each["path"] == dep:
            each["md5"] = "0" * 32
    return sealed(lock) if made_of_it else lock


def test_what_is_committed_is_true():
    assert contradiction(COMMITTED, PARAMS) is None
    assert contradiction(sealed(copy.deepcopy(COMMITTED)), PARAMS) is None
    assert params_of(COMMITTED) == PARAMS


@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate", "plot"])
def test_an_entry_of_which_the_stage_itself_wrote_down_something_else_is_false(stage):
    for lock in (
        changed(stage, param={"val_size" if stage == "prepare" else "dropout": 0.9}),
        changed(stage, dep=f"stages/{stage}.py"),
    ):
        assert not is_true(lock["stages"][stage])
        assert contradiction(lock, PARAMS) == f"{stage} read something else than is recorded"


@pytest.mark.parametrize(
    ("stage", "change", "reason"),
    [
        ("train", {"param": {"dropout": 0.9}}, "dropout is not the same for train as elsewhere"),
        ("plot", {"param": {"patience": None}}, "patience is not the same for plot as elsewhere"),
        ("plot", {"dep": "stages/data/"}, "stages/data/ is not the same for plot as elsewhere"),
    ],
)
def test_stages_that_read_different_things_contradict_each_other(stage, change, reason):
    assert contradiction(changed(stage, **change, made_of_it=True), PARAMS) == reason


def test_a_params_file_that_says_something_else_contradicts():
    reason = "dropout is not the same for train as elsewhere"
    assert contradiction(COMMITTED, PARAMS | {"dropout": 0.9}) == reason
    assert contradiction(COMMITTED, PARAMS | {"learning_rate": "1e-03"}) is None  # as DVC writes it
    assert contradiction(COMMITTED, None) == "params.yaml is no longer what the stages read"


def test_false_entries_of_a_run_cache_are_found_among_true_and_damaged_ones(tmp_path: Path):
    entries = {
        "true": COMMITTED["stages"]["train"],
        "false": changed("train", param={"dropout": 0.9})["stages"]["train"],
        "of no such stage": {"cmd": "true"},
    }
    for name, entry in entries.items():
        (tmp_path / "ab" / name).mkdir(parents=True)
        (tmp_path / "ab" / name / "value").write_text(yaml.safe_dump(entry))
    (tmp_path / "ab/true/damaged").write_text("outs: [")
    (tmp_path / "ab/true/list").write_text("[1]")
    assert [path.parent.name for path in false_runs(tmp_path)] == ["false"]

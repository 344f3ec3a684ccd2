"""The real dvc, and something edited while it runs: nothing false is ever used, and there is a way out."""

import itertools
import json
import random
import re
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages.experiments.records import contradiction
from tests.support.clone import Clone
from tests.support.workspace import ROOT, read_json, write_params

# Moments of a stage: its last output is being written; all is checked, and the last output gets its name.
COMPUTING = {
    "prepare": ("open", "data/prepared/.unfinished-train.npz"),
    "train": ("open", "models/.unfinished-model_whole.keras"),
    "evaluate": ("open", "metrics/.unfinished-evaluation.json"),
    "plot": ("open", "plots/.unfinished-report.html"),
}
CHECKED = {
    "prepare": ("os.rename", "metrics/.unfinished-data.json"),
    "train": ("os.rename", "metrics/.unfinished-train.json"),
    "evaluate": ("os.rename", "plots/.unfinished-reliability.csv"),
    "plot": ("os.rename", "plots/.unfinished-inputs.json"),
}


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have a file edited at a moment of a stage of the next dvc; without arguments, no longer."""

    def arrange(stage: str = "", moment: tuple = ("", ""), *what: str, seconds: float = 0):
        file, old, new = what or ("", "", "")
        assert not file.endswith(".py") or old in (ROOT / file).read_text(encoding="utf-8")  # or it would edit nothing
        wanted = {"stage": stage, "event": moment[0], "part": moment[1], "file": file, "old": old, "new": new}
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/support/edited"))
        monkeypatch.setenv("EDIT", json.dumps(wanted | {"seconds": seconds}))

    return arrange


SEEDS = itertools.count(100)


@pytest.fixture
def seed() -> tuple[str, str]:
    """A parameter with which nothing was run yet: what DVC's run cache has, no stage computes."""
    return ("--set-param", f"seed={next(SEEDS)}")


@pytest.fixture
def clone(digits_clone: Clone) -> Clone:
    """The clone, with this environment as its own and no experiment."""
    digits_clone.lend_environment()
    digits_clone.dvc("exp", "remove", "--all-commits")
    return digits_clone


def rate(clone: Clone) -> float:
    """The dropout rate of the model that is there."""
    with zipfile.ZipFile(clone.folder / "models/best-model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    return next(layer["config"]["rate"] for layer in config["config"]["layers"] if layer["class_name"] == "Dropout")


def assert_agrees(clone: Clone, name: str) -> None:
    """Parameters, dvc.lock, model, card and metrics of what is in the workspace say the same."""
    params = yaml.safe_load((clone.folder / "params.yaml").read_text())
    lock = yaml.safe_load((clone.folder / "dvc.lock").read_text())
    recorded = {
        entry["params"]["params.yaml"]["dropout"]
        for entry in lock["stages"].values()
        if "dropout" in entry.get("params", {}).get("params.yaml", {})
    }
    card = re.search(r"\| dropout \| (.+?) \|", (clone.folder / "models/CARD.md").read_text())[1]
    assert recorded == {rate(clone)} == {params["dropout"]} == {float(card)}, name
    trained = read_json(str(clone.folder / "metrics/train.json"))
    evaluated = read_json(str(clone.folder / "metrics/evaluation.json"))["validation"]
    assert evaluated == {"loss": trained["val_loss"], "accuracy": trained["val_accuracy"]}, name


def used(clone: Clone) -> tuple[list[str], str]:
    """The experiments that the readers use, and all that `make experiments` says."""
    said = clone.run("python", "-m", "stages.commands.experiments", check=False)
    return re.findall(r"\b[0-9a-f]{7} (\S+)", said.stdout), said.stdout + said.stderr


DROPOUT = ("params.yaml", "\ndropout: 0.25", "\ndropout: 0.65")


SOURCE = ("stages/training/model.py", '"""Any network', '"""Each network')


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("stage", "what", "said"),
    [
        ("train", DROPOUT, "params.yaml: dropout"),
        ("train", SOURCE, "stages/training/model.py"),
        ("prepare", ("params.yaml", "val_size: 0.2", "val_size: 0.4"), "params.yaml: val_size"),
        ("evaluate", ("data/prepared/inputs.json", "0.2", "0.20"), "data/prepared/inputs.json"),
        ("plot", DROPOUT, "params.yaml: dropout"),
    ],
)
def test_what_is_edited_while_a_stage_computes_ends_it_and_nothing_is_recorded(clone: Clone, edit, stage, what, said):
    edit(stage, COMPUTING[stage], *what)
    change = ("--set-param", "dropout=0.25", "--set-param", "epochs=2", "--set-param", f"seed={sum(map(ord, said))}")
    failed = clone.dvc("exp", "run", *change, "--force", check=False)
    edit()
    assert failed.returncode
    (line,) = (line for line in failed.stderr.splitlines() if " was changed while " in line)
    assert line.startswith(f"{said} was changed while {stage} ran, so nothing is recorded; run it again")
    assert used(clone)[0] == []
    clone.run("git", "checkout", "HEAD", "--", "stages")
    clone.run("make", "back")
    assert clone.git_status() == ""
    again = clone.dvc("exp", "run", *change).stdout
    # nothing of it was kept; prepare, which reads no seed, has its committed outputs
    assert stage == "prepare" or f"Running stage '{stage}'" in again
    assert stage != "train" or what == SOURCE or "epochs 1-2 read back" in again
    assert_agrees(clone, stage)


@pytest.mark.acceptance
def test_a_comment_or_a_parameter_of_another_stage_may_be_edited(clone: Clone, seed, edit):
    edit("prepare", COMPUTING["prepare"], "params.yaml", "# share of hidden", "# the share of hidden")
    clone.dvc("exp", "run", "--set-param", "dropout=0.25", *seed, "--force")
    edit("prepare", COMPUTING["prepare"], *DROPOUT)  # train has not read it yet
    clone.dvc("exp", "run", "--set-param", "dropout=0.25", *seed, "--force")
    assert_agrees(clone, "edited before train")
    assert rate(clone) == 0.65


@pytest.mark.parametrize("what", [DROPOUT, pytest.param(SOURCE, marks=pytest.mark.acceptance)])
def test_what_dvc_records_falsely_is_refused_and_make_back_forgets_it(clone: Clone, seed, edit, what):
    """In DVC's own window: the stage has checked its inputs, DVC has not hashed them yet."""
    edit("train", CHECKED["train"], *what)
    ended = clone.dvc("exp", "run", "--name", "false", "--set-param", "dropout=0.25", *seed, check=False)
    edit()
    lie = clone.dvc("repro", check=False)
    if what == DROPOUT:  # the record of train says 0.65, its model has 0.25
        line = "models/: made with dropout 0.25, but params.yaml says 0.65; run it again, and if it ends here again, "
        assert line in ended.stderr
        assert line in lie.stderr
        assert "Stage 'train' didn't change" in lie.stdout
    assert used(clone)[0] == []
    clone.run("git", "checkout", "HEAD", "--", "stages")
    assert "DVC's run cache: 1 not of what the stages read: forgotten" in clone.run("make", "back").stdout
    assert clone.git_status() == ""
    wanted = "0.65" if what == DROPOUT else "0.25"
    done = clone.dvc("exp", "run", "--set-param", f"dropout={wanted}", *seed).stdout
    assert "Running stage 'train'" in done
    assert_agrees(clone, "after make back")
    assert rate(clone) == float(wanted)


@pytest.mark.acceptance
def test_make_alone_forgets_a_false_stage_and_goes_on_with_the_parameters_as_they_are(clone: Clone, seed, edit):
    edit("train", CHECKED["train"], *DROPOUT)
    clone.dvc("exp", "run", "--set-param", "dropout=0.25", *seed, check=False)
    edit()
    said = clone.run("python", "-m", "stages.commands.mend").stdout
    assert "dvc.lock: train not of what was read: forgotten" in said
    clone.dvc("repro")
    assert_agrees(clone, "after mend")
    assert rate(clone) == 0.65


@pytest.mark.acceptance
def test_an_edit_between_two_stages_is_refused_by_the_later_one(clone: Clone, seed, edit):
    edit("evaluate", CHECKED["evaluate"], *DROPOUT)
    failed = clone.dvc("exp", "run", "--set-param", "dropout=0.25", *seed, check=False)
    edit()
    assert "metrics/: made with dropout 0.25, but params.yaml says 0.65" in failed.stderr
    clone.dvc("repro")
    assert_agrees(clone, "run again")


@pytest.mark.acceptance
@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (0, "plot read something else"),
        (0.5, "(?:plot read something else|dropout is not the same for)"),  # as quickly as DVC comes to read its inputs
    ],
)
def test_an_experiment_edited_after_its_last_stage_is_left_out(clone: Clone, seed, edit, seconds, reason):
    edit("plot", CHECKED["plot"], *DROPOUT, seconds=seconds)
    clone.dvc("exp", "run", "--name", "late", "--set-param", "dropout=0.25", *seed)
    edit()
    names, said = used(clone)
    assert names == []
    assert re.search(rf"left out, since {reason}.*: late", said.replace("\n", " "))
    compared = clone.run("python", "-m", "stages.commands.compare", check=False)
    assert "no experiment is there that succeeded" in compared.stderr
    # and what is committed so is no proof: make verify says it of the last commit
    clone.dvc("exp", "apply", "late")
    lock, params = (yaml.safe_load((clone.folder / name).read_text()) for name in ("dvc.lock", "params.yaml"))
    assert re.match(reason, contradiction(lock, params))


@pytest.mark.acceptance
def test_what_is_committed_so_verify_finds(clone: Clone, seed, edit):
    edit("plot", CHECKED["plot"], *DROPOUT)
    clone.dvc("exp", "run", "--set-param", "dropout=0.25", *seed)
    edit()
    clone.commit()
    checked = clone.run("python", "-m", "stages.commands.verify", check=False)
    clone.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    assert checked.returncode == 1
    assert "dvc.lock contradicts itself: plot read something else" in checked.stdout


@pytest.mark.acceptance
def test_a_picture_that_is_edited_while_prepare_reads_it_ends_it(clone: Clone, seed, edit):
    picture = next((clone.folder / "data/examples/Bag").glob("*.png")).relative_to(clone.folder).as_posix()
    for moment in (COMPUTING["prepare"], CHECKED["prepare"]):
        edit("prepare", moment, picture, "PNG", "PNg")
        change = ("--set-param", "dataset=images", "--set-param", "batch_size=8", "--set-param", "epochs=1")
        clone.dvc("exp", "run", *change, *seed, check=False)
        edit()
        assert used(clone)[0] == []
        clone.run("git", "checkout", "HEAD", "--", "data")
        clone.run("make", "back")
        assert clone.git_status() == ""


@pytest.mark.acceptance
def test_the_same_experiment_in_a_copy_and_then_in_the_workspace_is_restored_whole(tmp_path: Path):
    (tmp_path / "clone").mkdir()
    fresh = Clone(tmp_path / "clone")
    change = ("--set-param", "dataset=digits", "--set-param", "epochs=2")
    fresh.dvc("exp", "run", "--temp", *change)
    shutil.rmtree(fresh.folder / "models/.epochs")
    done = fresh.dvc("exp", "run", *change).stdout
    assert "Running stage 'prepare'" not in done
    assert "Running stage 'train'" not in done
    assert_agrees(fresh, "in the workspace")


def assert_any_sequence_agrees(clone: Clone, edit, steps: int, seed: int) -> None:
    """Random edits at random moments of random runs: what the readers use afterwards is true, each time."""
    luck = random.Random(seed)
    for step in range(steps):
        stage = luck.choice(["prepare", "train", "evaluate", "plot"])
        moment = luck.choice([COMPUTING, CHECKED])[stage]
        old, new = luck.sample(["0.1", "0.2", "0.3"], 2)
        name = f"run-{step}"
        later = luck.choice([0, 0, 0.3, 0.8])
        edit(stage, moment, "params.yaml", f"\ndropout: {old}", f"\ndropout: {new}", seconds=later)
        clone.dvc("exp", "run", "--force", "--name", name, "--set-param", f"dropout={old}", check=False)
        edit()
        time.sleep(1)  # what is edited later is edited by now
        if luck.random() < 0.5:
            clone.run("make", "back")
        print(f"{step}: {old} to {new} in {stage}, {moment[0]}: {used(clone)[0]}")
        for found in used(clone)[0]:
            clone.run("git", "stash", "--quiet")
            clone.dvc("exp", "apply", found)
            assert_agrees(clone, found)
            clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")
        clone.run("make", "back")
        write_params(clone.folder, dataset="digits", epochs=3, dropout=float(new))  # the next run finds a cache
        clone.dvc("repro", check=False)
        if not clone.dvc("repro", check=False).returncode:
            assert_agrees(clone, f"the cache after {name}")
        clone.run("make", "back")


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", [2, 3])
def test_after_any_sequence_of_edits_and_runs_all_that_is_used_agrees(clone: Clone, edit, seed: int):
    assert_any_sequence_agrees(clone, edit, steps=12, seed=seed)

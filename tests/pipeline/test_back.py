"""`make back` from any state of the working tree."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.clone import Clone, outputs
from tests.support.workspace import write_params


@pytest.fixture
def clone(digits_clone: Clone) -> Clone:
    digits_clone.lend_environment()
    return digits_clone


def gone(*names: str) -> Callable[[Clone], None]:
    def change(clone: Clone) -> None:
        for path in (clone.folder / name for name in names):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def obstacles(clone: Clone) -> None:
    gone("params.yaml", "plots")(clone)
    (clone.folder / "params.yaml").mkdir()
    (clone.folder / "params.yaml/mine").touch()
    (clone.folder / "plots").touch()
    (clone.folder / "plots.was").mkdir()  # of another time


def conflict(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", "-b", "other")
    write_params(clone.folder, dataset="digits", epochs=3, dropout=0.55)
    clone.commit()
    clone.run("git", "checkout", "--quiet", "main")
    write_params(clone.folder, dataset="digits", epochs=3, dropout=0.666)
    clone.commit()
    clone.run("git", "merge", "other", check=False)
    clone.run("git", "branch", "-D", "other")
    assert "<<<<<<<" in (clone.folder / "params.yaml").read_text()


STATES = {
    "no models": gone("models"),
    "nothing that a stage made or reads": gone(
        "models", "metrics", "plots", "data", "params.yaml", "dvc.lock", "dvc.yaml", ".dvcignore", ".dvc/config"
    ),
    "a source gone": gone("stages/train.py"),
    "something else in the place of files and folders": obstacles,
}


@pytest.mark.parametrize("state", STATES)
def test_back_from(state: str, clone: Clone):
    before = outputs(clone.folder)
    STATES[state](clone)
    clone.run("make", "back")
    assert outputs(clone.folder) == before
    kept = {path.name for path in clone.folder.glob("*.was")}
    for name in kept:
        gone(name)(clone)
    assert kept == ({"params.yaml.was", "plots.was", "plots.was.was"} if STATES[state] is obstacles else set())
    assert clone.git_status() == ""


def test_a_folder_on_another_disk_stays_there(clone: Clone, tmp_path: Path):
    (clone.folder / "models").rename(tmp_path / "models")
    (clone.folder / "models").symlink_to(tmp_path / "models")
    clone.run("make", "back", check=False)  # whatever DVC says to it
    assert (clone.folder / "models").is_symlink()
    assert not (clone.folder / "models.was").exists()
    (clone.folder / "models").unlink()
    (tmp_path / "models").rename(clone.folder / "models")


def test_what_dvc_makes_again_is_as_committed_and_git_sees_nothing_else(clone: Clone):
    gone("models", "plots", "metrics", "data/prepared")(clone)
    clone.dvc("repro")
    assert clone.git_status() == ""


def test_a_file_given_to_git_and_one_taken_from_it_are_no_obstacle_and_a_source_that_back_needs_comes_back(
    clone: Clone,
):
    (clone.folder / "plots/mine.csv").touch()
    clone.run("git", "add", "plots/mine.csv")
    clone.run("git", "rm", "--quiet", "--cached", "dvc.lock")
    gone("dvc.lock", "stages/base/params.py", "requirements.txt")(clone)
    clone.run("make", "back")
    assert clone.git_status() == "A  plots/mine.csv\n"
    clone.run("git", "rm", "--quiet", "-f", "plots/mine.csv")


@pytest.mark.acceptance
def test_back_in_the_middle_of_a_merge_is_at_what_was_committed_last(clone: Clone):
    conflict(clone)
    clone.run("make", "back")
    assert "dropout: 0.666\n" in (clone.folder / "params.yaml").read_text()
    clone.run("git", "reset", "--quiet", "--hard", "HEAD~1")
    clone.run("make", "back")
    assert clone.git_status() == ""


@pytest.mark.acceptance
def test_what_is_edited_and_what_is_ones_own_stays_and_is_named(clone: Clone):
    shutil.copytree(clone.folder / "data/examples", clone.folder / "data/mine")
    clone.dvc("add", "data/mine")
    clone.commit()
    picture = next((clone.folder / "data/mine").glob("*/*.png"))
    picture.unlink()
    said = clone.run("make", "back").stdout
    way_back = "git checkout HEAD -- data/mine.dvc && dvc checkout data/mine.dvc"
    line = f"data/mine: not as committed, and left so, since it is your own; to bring it back: {way_back}"
    assert line in said.splitlines()
    assert not picture.exists()
    shutil.rmtree(clone.folder / "data/mine")
    change = ("dataset=images", "image_dir=data/mine", "batch_size=8", "epochs=1")
    clone.run("sh", "-c", way_back)
    clone.dvc("exp", "run", *(word for each in change for word in ("--set-param", each)))
    clone.commit()
    shutil.rmtree(clone.folder / "data/mine")
    failed = clone.run("make", "back", check=False)
    assert line in failed.stderr.splitlines()
    clone.run("git", "reset", "--quiet", "--hard", "HEAD~2")
    with (clone.folder / "stages/plot.py").open("a") as file:
        file.write("# mine\n")
    assert "stages/plot.py: not as committed, and left so" in clone.run("make", "back").stdout
    assert (clone.folder / "stages/plot.py").read_text().endswith("# mine\n")


def test_two_at_once_and_a_dvc_beside_it_wait_for_each_other(clone: Clone, tmp_path: Path):
    slow = "import os, time; os.environ.get('DVC_STAGE') == 'check' and time.sleep(4)"
    (tmp_path / "sitecustomize.py").write_text(slow)
    script = (
        f"PYTHONPATH='{tmp_path}' dvc repro --force --single-item check > first 2>&1 & sleep 2; "
        "make > second 2>&1 & sleep 1; make > third 2>&1; code=$?; wait; cat first second third; exit $code"
    )
    said = clone.run("sh", "-c", script).stdout
    for name in ("first", "second", "third"):
        gone(name)(clone)
    assert "another dvc runs here: waiting for it to end" in said
    assert "another make runs here: waiting for it to end" in said
    assert "ERROR" not in said
    assert "Data and pipelines are up to date." in said
    clone.run("make", "back")
    assert clone.git_status() == ""

"""What DVC sees of a folder of pictures: each file that decides an output; and a folder that it would not see whole."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from stages.data.datasets import digits, head
from tests.support.clone import Clone, outputs
from tests.support.workspace import write_params, write_pictures

IMAGES = {"dataset": "images", "image_dir": "mine", "image_size": 8, "batch_size": 8, "epochs": 1}


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which a folder of pictures, two of them links, has been trained on."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    folder = clone.folder / "mine"
    write_pictures(folder, head(digits().train, 100))
    (folder / "3/deep").mkdir()
    for name in ("a", "b"):
        Image.new("L", (8, 8), ord(name)).save(clone.folder / f"{name}.png")
    (folder / "3/link.png").symlink_to("../../a.png")
    (folder / "3/deep/link.png").symlink_to(clone.folder / "b.png")
    write_params(clone.folder, **IMAGES)
    clone.dvc("repro")
    clone.commit()
    return clone


@pytest.fixture
def clone(reproduced: Clone, tmp_path: Path) -> Iterator[Clone]:
    """The clone as it was committed, whatever an earlier test did to it."""
    yield reproduced
    shutil.rmtree(reproduced.folder / "mine")
    (reproduced.folder / "params.yaml").touch()  # or Git may not see what DVC changed: see `make back`
    reproduced.run("git", "checkout", "--quiet", "HEAD", "--", ".")
    reproduced.run("git", "clean", "--quiet", "--force", "-d")
    assert reproduced.git_status() == ""


def prepare_would_run(clone: Clone) -> bool:
    return "Running stage 'prepare'" in clone.dvc("repro", "--dry", "prepare").stdout


def picture(path: Path) -> None:
    Image.new("L", (8, 8), 200).save(path)


def some(folder: Path) -> Path:
    return min((folder / "mine/3").glob("*.png"))


def link_to(target: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "mine/3/link.png").unlink()
        (folder / "mine/3/link.png").symlink_to(target)

    return change


CHANGES = {
    "the pixels of a picture": lambda folder: picture(some(folder)),
    "a picture more": lambda folder: picture(folder / "mine/3/new.png"),
    "a picture more, deep": lambda folder: picture(folder / "mine/3/deep/new.png"),
    "a picture less": lambda folder: some(folder).unlink(),
    "a picture of another name": lambda folder: some(folder).rename(folder / "mine/3/zzz.png"),
    "a picture of another class": lambda folder: some(folder).rename(folder / "mine/4/zzz.png"),
    "a class of another name": lambda folder: (folder / "mine/3").rename(folder / "mine/three"),
    "a name in other letters": lambda folder: some(folder).rename(some(folder).with_suffix(".PNG")),
    "a name of many kinds of letters": lambda folder: picture(folder / "mine/3/ \\ \n é e\u0301 % # *.png"),
    "a file that is no picture": lambda folder: (folder / "mine/3/notes.txt").write_text("x"),
    "a file beside the classes": lambda folder: (folder / "mine/labels.csv").write_text("x"),
    "the picture behind a link": lambda folder: picture(folder / "a.png"),
    "the picture behind an absolute link, deep": lambda folder: picture(folder / "b.png"),
    "where a link leads": link_to("../../b.png"),
}


def test_without_a_change_nothing_runs(clone: Clone):
    assert not prepare_would_run(clone)


@pytest.mark.parametrize("what", CHANGES)
def test_dvc_sees_a_change_of(what: str, clone: Clone):
    CHANGES[what](clone.folder)
    assert prepare_would_run(clone)


def test_dvc_sees_a_change_behind_an_image_dir_that_is_a_link(clone: Clone):
    (clone.folder / "link").symlink_to("mine")
    write_params(clone.folder, **IMAGES | {"image_dir": "link"})
    clone.dvc("repro", "prepare")
    assert not prepare_would_run(clone)
    CHANGES["the pixels of a picture"](clone.folder)
    assert prepare_would_run(clone)


@pytest.mark.parametrize(
    ("how", "place"),
    [
        ("repro", "3"),
        ("repro", "3/deep"),
        ("repro", "train"),
        pytest.param("exp run", "train", marks=pytest.mark.acceptance),
    ],
)
def test_a_link_to_a_folder_is_refused_before_anything_is_deleted(clone: Clone, how: str, place: str):
    folder = clone.folder
    shutil.copytree(folder / "mine", folder / "other")
    shutil.rmtree(folder / "other" / place, ignore_errors=True)
    (folder / "other" / place).symlink_to(folder / "mine/3")
    before = outputs(folder)
    if how == "repro":
        write_params(folder, **IMAGES | {"image_dir": "other"})
        failed = clone.dvc("repro", check=False)
    else:
        failed = clone.dvc("exp", "run", "--set-param", "image_dir=other", check=False)
    assert failed.returncode
    assert f"other/{place}: a link to a folder, and DVC does not see what changes behind it; " in failed.stderr
    assert "Running stage 'prepare'" not in failed.stdout
    assert outputs(folder) == before

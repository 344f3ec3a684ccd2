"""What a folder of pictures holds: classes, files, their order, and what makes it no such folder."""

import os
import re
from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.data.image_folder import check_folder, files_below, list_images


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.touch()
    return folder


def test_classes_are_folders_in_sorted_order_and_files_are_ordered_by_name_before_class(tmp_path: Path):
    make(tmp_path, "cat/2.png", "cat/1.png", "Dog/1.png", "Dog/3.jpg", "Dog/deep/0.png", ".DS_Store", "cat/.hidden")
    found = list_images(tmp_path)
    assert found.classes == ["Dog", "cat"]
    files, labels = found.parts[""]
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "Dog/1.png", "cat/1.png", "cat/2.png", "Dog/3.jpg", "Dog/deep/0.png",
    ]  # fmt: skip
    assert labels == [0, 1, 1, 0, 0]
    assert found.strays == []


def test_train_and_test_folders_are_the_parts(tmp_path: Path):
    make(tmp_path, "train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png", "test/b/5.png")
    found = list_images(tmp_path)
    assert {name: len(part.files) for name, part in found.parts.items()} == {"train": 2, "test": 3}


def test_files_beside_the_classes_are_found_so_that_they_can_be_named(tmp_path: Path):
    make(tmp_path / "one", "a/1.png", "b/1.png", "labels.csv")
    assert [path.name for path in list_images(tmp_path / "one").strays] == ["labels.csv"]
    make(tmp_path / "two", "x", "train/a/1", "train/b/1", "train/y", "test/a/1", "test/b/1", "test/z")
    assert [path.name for path in list_images(tmp_path / "two").strays] == ["x", "y", "z"]


def test_links_to_folders_are_followed_where_dvc_need_not_see_them_but_not_in_circles(tmp_path: Path):
    make(tmp_path / "images", "a/1.png", "b/1.png")
    make(tmp_path / "elsewhere", "2.png", "deep/3.png")
    (tmp_path / "images/a/more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/deep/back").symlink_to(tmp_path / "images/a")
    (tmp_path / "images/b/broken").symlink_to(tmp_path / "nothing")
    names = [path.relative_to(tmp_path / "images").as_posix() for path in files_below(tmp_path / "images")]
    assert names == ["a/1.png", "a/more/2.png", "a/more/deep/3.png", "b/1.png", "b/broken"]


@pytest.mark.parametrize(
    "links",
    [
        {"images/c": "elsewhere"},
        {"images/a/more": "elsewhere"},
        {"images/a/deep/er": "elsewhere"},
        {"images/a/empty": "empty"},
        {"images/a/round": "images"},
        {"images/a/m": "elsewhere", "images/b/m": "elsewhere", "images/z": "empty"},
    ],
)
def test_links_to_folders_are_refused_and_the_first_is_named(tmp_path: Path, links: dict[str, str]):
    make(tmp_path, "images/a/1.png", "images/a/deep/1.png", "images/b/1.png", "elsewhere/2.png", "empty/")
    for name, target in links.items():
        (tmp_path / name).symlink_to(tmp_path / target)
    more = f" (and {len(links) - 1} more)" if len(links) > 1 else ""
    named = re.escape(f"{tmp_path / min(links)}{more}: a link to a folder, ")
    for look in (check_folder, list_images):
        with pytest.raises(UserError, match=f"^{named}"):
            look(tmp_path / "images")


def test_links_to_files_and_to_the_folder_itself_or_above_it_are_none_of_those(tmp_path: Path):
    make(tmp_path, "real/images/a/1.png", "real/images/b/1.png", "2.png")
    (tmp_path / "real/images/a/2.png").symlink_to("../../../2.png")
    (tmp_path / "real/images/.hidden").symlink_to(tmp_path)
    (tmp_path / "above").symlink_to("real")
    (tmp_path / "itself").symlink_to("real/images")
    for folder in ("above/images", "itself", "above/../above/images"):
        assert len(list_images(tmp_path / folder).parts[""].files) == 3


@pytest.mark.parametrize(
    ("image_dir", "ignore", "passed_over"),
    [
        ("data/images", {".dvcignore": "*.jpg\n"}, []),
        ("data/images", {".dvcignore": "1.png\n!/data/images/b/1.png\n"}, ["a/1.png"]),
        ("data/images", {".dvcignore": "/data/images/a/deep\n"}, ["a/deep/2.png"]),
        ("data/images", {".dvcignore": "data/images/\n"}, ["a/1.png", "a/deep/2.png", "b/1.png"]),
        ("data/images", {"data/.dvcignore": "1.png\n"}, ["a/1.png", "b/1.png"]),
        ("data/images", {"data/images/b/.dvc/config": ""}, ["b/1.png"]),
        ("data/images", {"data/images/.dvc/config": ""}, ["a/1.png", "a/deep/2.png", "b/1.png"]),
        ("data/images", {"data/.dvc/config": ""}, ["a/1.png", "a/deep/2.png", "b/1.png"]),
        ("data/images", {"data/images/b/.git/config": ""}, []),
        (".git/images", {}, ["a/1.png", "a/deep/2.png", "b/1.png"]),
    ],
)
def test_files_that_dvc_passes_over_are_refused(
    tmp_path: Path, monkeypatch, image_dir: str, ignore: dict[str, str], passed_over: list[str]
):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / image_dir, "a/1.png", "a/deep/2.png", "b/1.png")
    for name, text in ignore.items():
        make(tmp_path, name)
        (tmp_path / name).write_text(text, encoding="utf-8")
    if not passed_over:
        check_folder(Path(image_dir))
        return
    more = f" (and {len(passed_over) - 1} more)" if len(passed_over) > 1 else ""
    with pytest.raises(UserError, match=f"^{re.escape(f'{image_dir}/{passed_over[0]}{more}')}: DVC passes over it"):
        check_folder(Path(image_dir))


def test_a_folder_that_cannot_be_read_is_there_to_be_named(tmp_path: Path, monkeypatch):
    make(tmp_path, "a/1.png", "a/locked/2.png", "b/1.png")
    real = os.scandir

    def scandir(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert tmp_path / "a/locked" in list_images(tmp_path).parts[""].files


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "must hold 2 to 256 folders, one for each class, got 0"),
        (("a/1",), "must hold 2 to 256 folders, one for each class, got 1"),
        (("1", "2"), "must hold 2 to 256 folders, one for each class, got 0"),
        (tuple(f"{number}/1" for number in range(257)), "must hold 2 to 256 folders, one for each class, got 257"),
        (("a/1", "b/"), "no picture"),
        (("train/a/1", "train/b/1"), "train and test are the names of its two parts, and only train is there"),
        (("bus/1", "car/1", "test/1"), "train and test are the names of its two parts, and only test is there"),
        (
            ("train/a/1", "test/a/1", "val/a/1"),
            "beside train and test .* no other folder, got test, train, val",
        ),
        (("train/a/1", "train/b/1", "test/a/1", "test/c/1"), "train and test must hold the same classes, .* b, c"),
        (("train/a/1", "train/b/1", "test/a/1", "test/b/"), "no picture"),
        (("a/1", "b\n/1"), r"a class must have a printable name, got 'b\\n'"),
    ],
)
def test_what_is_no_folder_of_classes_is_refused(tmp_path: Path, names: tuple[str, ...], reason: str):
    with pytest.raises(UserError, match=rf"^{re.escape(str(tmp_path))}[^:]*: {reason}$"):
        list_images(make(tmp_path, *names))

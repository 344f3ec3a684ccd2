"""A folder of pictures: its classes, files, their order, the split, and wrong folders."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

from stages.base.errors import UserError
from stages.data.datasets import head
from stages.data.image_folder import PARTS, image_folder, list_images
from stages.data.images import Dataset
from tests.support.workspace import params, write_pictures


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(folder: str | Path, **changes: object) -> Dataset:
    return image_folder(params(dataset="images", image_dir=str(folder), split_seed=0, **changes))


def make(folder: str, *names: str) -> Path:
    """Make a folder with small pictures of these names, each with another grey value."""
    for number, name in enumerate(names):
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2), number).save(path, "PNG")
    return Path(folder)


def test_a_folder_with_train_and_test_gives_the_arrays_that_it_was_made_from(sample_data: Dataset):
    for name in ("train", "test"):
        write_pictures(Path("mine", name), head(getattr(sample_data, name), 100))
    dataset = read("mine")
    for part, data in ((dataset.train, sample_data.train), (dataset.test, sample_data.test)):
        np.testing.assert_array_equal(part.images, data.images[:100])
        assert part.classes[part.labels].tolist() == [
            str(data.classes[label]).replace("/", " or ") for label in data.labels[:100]
        ]


def test_a_folder_without_them_is_split_by_seed_with_the_same_share_of_each_class(sample_data: Dataset):
    data = head(sample_data.train, 200)
    write_pictures(Path("mine"), data)
    dataset = read("mine", test_size=0.3)
    by_name = np.argsort(data.classes)  # labels are by the sorted names of the folders
    labels = np.argsort(by_name)[data.labels]
    rows = train_test_split(np.arange(200), test_size=0.3, random_state=0, stratify=labels)
    for part, expected in zip(dataset[:2], rows, strict=True):
        np.testing.assert_array_equal(part.images, data.images[expected])
    assert [int(path.stem) for path in dataset.test_files] == rows[1].tolist()


def test_pictures_are_in_colour_and_of_another_size_on_demand():
    make("mine", *(f"{name}/{number}" for name in "ab" for number in range(10)))
    assert read("mine", color_mode="rgb", image_size=5).train.images.shape == (16, 5, 5, 3)


def test_files_are_in_the_order_of_their_names_and_only_then_of_their_classes():
    make("mine", "b/2", "b/deep/er/1", "a/3")
    pictures = list_images(Path("mine"))[1][""]
    assert [picture.path.name for picture in pictures] == ["2", "3", "1"]
    assert [picture.class_name for picture in pictures] == ["b", "a", "b"]


def test_names_of_classes_may_be_korean_in_either_form_of_unicode():
    composed, decomposed = (unicodedata.normalize(form, "한글") for form in ("NFC", "NFD"))
    make("mine", f"{composed}/1", f"{decomposed}/2", "b/1")
    classes, parts, _ = list_images(Path("mine"))
    assert classes == ["b", composed]
    assert len(parts[""]) == 3


def test_unreadable_files_are_all_named_and_stop_it_or_are_left_out_on_demand(caplog):
    folder = make("mine", *(f"{part}/{name}/{number}" for part in PARTS for name in "ab" for number in range(3)))
    names = ["mine/readme.txt", "mine/train/a/notes.txt", "mine/test/b/0-half.png"]
    for name in names:
        Path(name).write_bytes((folder / "train/a/1").read_bytes()[:-30])
    with pytest.raises(UserError, match=r"3.*skip_unreadable"):
        read(folder)
    assert sorted(message.split(": ")[0] for message in caplog.messages) == sorted(names)
    caplog.clear()
    dataset = read(folder, skip_unreadable=True)
    assert dataset.left_out == len(caplog.messages) == 3
    assert dataset.train.labels.tolist() == dataset.test.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert [path.parent.name for path in dataset.test_files] == ["a", "b", "a", "b", "a", "b"]


def test_a_class_with_only_unreadable_files_is_refused_even_then():
    folder = make("mine", *(f"{part}/{name}/1" for part in ("train", "test") for name in "abc"))
    Path("mine/test/c/1").write_bytes(b"x")
    with pytest.raises(UserError, match=r"class c .*test"):
        read(folder, skip_unreadable=True)


def numbered(**counts: int) -> list[str]:
    """Return this many names in the folder of each class."""
    return [f"{name}/{number}" for name, count in counts.items() for number in range(count)]


OWN_TEST = ["train/a/1", "train/b/1", "test/a/1", "test/b/1"]


@pytest.mark.parametrize(
    ("names", "changes", "reason"),
    [
        (["a/1", "2"], {}, "got 1$"),
        ([f"{number}/1" for number in range(257)], {}, "got 257$"),
        (OWN_TEST[:2], {}, "got train$"),
        ([*OWN_TEST, "val/a/1"], {}, "got test, train, val$"),
        (OWN_TEST[:3], {}, "class b .* for test"),
        (OWN_TEST, {"test_size": 0.5}, "test_size"),  # which is not used
        (numbered(a=20, b=1), {}, "1 of them of class b"),
        (numbered(a=2, b=2), {}, "got 0.2 of 4 pictures"),
        (numbered(a=60, b=3, c=2), {"test_size": 0.1}, "class b .* for test"),
    ],
)
def test_another_form_or_too_few_pictures_are_refused(names: list[str], changes: dict, reason: str):
    with pytest.raises(UserError, match=reason):
        read(make("mine", *names), **changes)

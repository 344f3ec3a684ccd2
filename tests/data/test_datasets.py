from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import train_test_split

from stages.base.errors import UserError
from stages.data.datasets import Dataset, digits, head, image_folder, split
from stages.data.images import Images
from tests.support.workspace import ROOT, write_pictures

AS_DIGITS = {"image_size": 8, "color_mode": "grayscale", "test_size": 0.2, "split_seed": 0, "skip_unreadable": False}


def test_fashion_mnist_is_what_load_data_returns(real_data):
    # shapes, dtypes and label counts that Keras documents for fashion_mnist.load_data()
    for part, count in ((real_data.train, 60_000), (real_data.test, 10_000)):
        assert part.images.shape == (count, 28, 28)
        assert part.images.dtype == part.labels.dtype == np.uint8
        assert part.images.max() == 255
        assert np.bincount(part.labels).tolist() == [count // 10] * 10
    assert real_data.train.classes.tolist()[9] == "Ankle boot"
    assert real_data.train.labels[:5].tolist() == [9, 0, 0, 3, 0]


def test_the_split_is_the_notes_own_on_the_real_files(real_data):
    train, val, train_labels, val_labels = train_test_split(
        real_data.train.images / 255.0, real_data.train.labels, test_size=0.2, random_state=42
    )
    ours_train, ours_val = split(real_data.train, 0.2, 42)
    for ours, theirs, labels in ((ours_train, train, train_labels), (ours_val, val, val_labels)):
        np.testing.assert_array_equal(ours.images[:] / 255.0, theirs)
        np.testing.assert_array_equal(ours.labels, labels)


def test_digits_use_the_whole_range_of_a_pixel():
    data = digits()
    images = np.concatenate([data.train.images, data.test.images])
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert data.train.classes.tolist() == list("0123456789")
    assert set(data.test.labels) == set(range(10))


def test_limit_takes_the_first_images():
    data = digits().train
    assert len(head(data, 7).labels) == 7
    np.testing.assert_array_equal(head(data, 7).images, data.images[:7])
    np.testing.assert_array_equal(head(data, None).images, data.images)


def assert_same(ours: Dataset, theirs: Dataset) -> None:
    for part in ("train", "test"):
        for mine, other in zip(getattr(ours, part), getattr(theirs, part), strict=True):
            np.testing.assert_array_equal(mine, other)
            assert mine.dtype == other.dtype


def test_pictures_in_train_and_test_folders_are_the_arrays_that_they_were_written_from(tmp_path: Path):
    data = digits()
    for part in ("train", "test"):
        write_pictures(tmp_path / part, getattr(data, part))
    assert_same(image_folder(tmp_path, **AS_DIGITS), data)


def test_pictures_without_such_folders_are_split_by_seed_with_the_same_share_of_each_class(tmp_path: Path):
    data = head(digits().train, 400)
    write_pictures(tmp_path, data)
    found = image_folder(tmp_path, **AS_DIGITS)
    rows = train_test_split(np.arange(400), test_size=0.2, random_state=0, stratify=data.labels)
    for part, chosen in zip((found.train, found.test), rows, strict=True):
        np.testing.assert_array_equal(part.images, data.images[chosen])
        np.testing.assert_array_equal(part.labels, data.labels[chosen])
    shares = np.bincount(found.test.labels) / np.bincount(data.labels)
    assert np.all(np.abs(shares - 0.2) < 0.03)
    for files, chosen in zip((found.train_files, found.test_files), rows, strict=True):
        assert [int(path.stem) for path in files] == chosen.tolist()
    other = image_folder(tmp_path, **AS_DIGITS | {"split_seed": 1})
    assert not np.array_equal(other.test.images, found.test.images)


def test_pictures_are_in_colour_where_that_is_asked_for(tmp_path: Path):
    write_pictures(tmp_path, head(digits().train, 100))
    images = image_folder(tmp_path, **AS_DIGITS | {"color_mode": "rgb", "image_size": 5}).train.images
    assert images.shape == (80, 5, 5, 3)


def spoiled(folder: Path) -> list[str]:
    """A folder in which some files are no pictures; the lines that name them."""
    write_pictures(folder, head(digits().train, 100))
    (folder / "readme.txt").write_text("about these pictures", encoding="utf-8")
    (folder / "3/notes.txt").write_text("about the threes", encoding="utf-8")
    (folder / "7/empty.png").touch()
    whole = next((folder / "0").iterdir())
    (folder / "8/half.png").write_bytes(whole.read_bytes()[:-30])
    return [
        f"{folder}/readme.txt: not in the folder of a class",
        f"{folder}/3/notes.txt: not a PNG, JPEG, BMP or WebP file",
        f"{folder}/7/empty.png: empty",
        f"{folder}/8/half.png: ",
    ]


def test_files_that_cannot_be_read_are_all_named_and_stop_it(tmp_path: Path, caplog):
    lines = spoiled(tmp_path)
    with pytest.raises(UserError, match=r": 4 files are no pictures of a class, .* skip_unreadable: true$"):
        image_folder(tmp_path, **AS_DIGITS)
    assert len(caplog.messages) == 4
    assert all(any(message.startswith(line) for message in caplog.messages) for line in lines)


def test_files_that_cannot_be_read_are_left_out_where_that_is_asked_for_but_named(tmp_path: Path, caplog):
    spoiled(tmp_path)
    found = image_folder(tmp_path, **AS_DIGITS | {"skip_unreadable": True})
    assert len(found.train.labels) + len(found.test.labels) == 100
    assert found.left_out == len(caplog.messages) == 4
    assert not any(path.suffix == ".txt" for path in found.test_files)


def test_a_class_of_unreadable_files_alone_is_an_error_even_then(tmp_path: Path):
    write_pictures(tmp_path, head(digits().train, 60))
    (tmp_path / "ten").mkdir()
    (tmp_path / "ten/1.png").write_bytes(b"x")
    with pytest.raises(UserError, match="/ten: no picture that can be read"):
        image_folder(tmp_path, **AS_DIGITS | {"skip_unreadable": True})


def test_too_few_pictures_to_split_are_refused_in_one_line(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("L", (2, 2)).save(tmp_path / name / "1.png")
    with pytest.raises(UserError, match=r"/a: one picture alone, so none is left for test$"):
        image_folder(tmp_path, **AS_DIGITS)
    for name in ("a", "b"):
        Image.new("L", (2, 2)).save(tmp_path / name / "2.png")
    with pytest.raises(UserError, match=r": test_size 0\.2 of 4 pictures: The test_size = 1 should be "):
        image_folder(tmp_path, **AS_DIGITS)


def test_a_class_that_the_split_leaves_without_a_picture_is_refused_and_what_it_names_is_enough(tmp_path: Path):
    data = digits().train
    of = {label: np.flatnonzero(data.labels == label) for label in range(3)}

    def folder(name: str, *counts: int) -> Path:
        rows = np.concatenate([of[label][:count] for label, count in enumerate(counts)])
        write_pictures(tmp_path / name, Images(data.images[rows], data.labels[rows], data.classes))
        return tmp_path / name

    def found(path: Path, test_size: float) -> list[list[int]]:
        parts = image_folder(path, **AS_DIGITS | {"test_size": test_size})
        return [np.bincount(part.labels, minlength=3).tolist() for part in (parts.train, parts.test)]

    lopsided = folder("lopsided", 60, 3, 2)
    with pytest.raises(UserError) as refused:
        found(lopsided, 0.1)
    assert str(refused.value) == (
        f"{lopsided}/2: test_size 0.1 takes none of its 2 pictures for test; enough: 10 pictures, or test_size: 0.5"
    )
    assert found(lopsided, 0.5) == [[30, 1, 1], [30, 2, 1]]
    assert found(folder("more", 60, 10, 10), 0.1) == [[54, 9, 9], [6, 1, 1]]
    assert found(folder("three", 60, 3), 0.34) == [[39, 2, 0], [21, 1, 0]]
    with pytest.raises(UserError, match=r"/1: .* 3 pictures for test; enough: 10 pictures, or test_size: 0\.34$"):
        found(tmp_path / "three", 0.1)
    with pytest.raises(
        UserError, match=r"/2: test_size 0\.8 leaves none of its 2 pictures for training; enough: .*0\.5$"
    ):
        found(lopsided, 0.8)


def test_the_committed_examples_are_the_first_test_images_of_each_class(real_data):
    found = image_folder(ROOT / "data/examples", **AS_DIGITS | {"image_size": 28})
    for part, count in ((found.train, 80), (found.test, 20)):
        assert len(part.labels) == count
    assert [str(name).replace("/", " or ") for name in sorted(real_data.test.classes)] == found.train.classes.tolist()
    for path, pixels in zip(found.test_files, found.test.images, strict=True):
        label = [str(name).replace("/", " or ") for name in real_data.test.classes].index(path.parent.name)
        assert int(path.stem) in np.flatnonzero(real_data.test.labels == label)[:10]
        np.testing.assert_array_equal(pixels, real_data.test.images[int(path.stem)])

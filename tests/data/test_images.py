"""The .npy files of prepared images."""

from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.data import images
from stages.data.images import Images, check_images, load_images, save_images

DATA = Images(
    np.random.default_rng(0).integers(0, 256, (50, 3, 4), np.uint8),
    np.arange(50, dtype=np.uint8) % 2,
    np.array(["가", "b"]),
)


def test_rows_are_written_block_by_block_with_the_bytes_of_numpy_save_and_read_back(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(images, "AT_ONCE", 30)
    rows = np.random.default_rng(1).permutation(50)[:23]
    save_images(tmp_path, "val", DATA, rows)
    loaded = load_images(tmp_path, "val")
    for name in ("images", "labels"):
        np.save(tmp_path / "at_once.npy", getattr(DATA, name)[rows])
        assert (tmp_path / f"val_{name}.npy").read_bytes() == (tmp_path / "at_once.npy").read_bytes()
        np.testing.assert_array_equal(getattr(loaded, name), getattr(DATA, name)[rows])
    assert loaded.classes.tolist() == DATA.classes.tolist()


def test_loaded_arrays_map_their_file_where_tensorflow_can_use_it_and_never_change_it(tmp_path: Path):
    save_images(tmp_path, "train", DATA, np.arange(50))
    before = (tmp_path / "train_images.npy").read_bytes()
    loaded = load_images(tmp_path, "train").images
    assert isinstance(loaded.base, np.memmap)
    assert loaded.ctypes.data % 64 == 0
    loaded[0] = 1  # in this process alone
    assert (tmp_path / "train_images.npy").read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"not an array"),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.unlink(),
        lambda path: np.save(path, np.zeros(3)),
        lambda path: path.with_name("classes.json").write_text('{"classes": 3}'),
        lambda path: path.with_name("classes.json").unlink(),
    ],
)
def test_a_damaged_file_is_one_line_with_its_name_and_the_command_that_makes_it(tmp_path: Path, damage):
    save_images(tmp_path, "train", DATA, np.arange(50))
    damage(tmp_path / "train_images.npy")
    with pytest.raises(UserError, match=r"^[^\n]*(train_images\.npy|classes\.json): [^\n]*dvc repro$"):
        load_images(tmp_path, "train")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 2, 2), np.uint8), np.zeros(2, np.uint8), "3 images"),
        (np.zeros((0, 2, 2), np.uint8), np.zeros(0, np.uint8), "no images"),
        (np.zeros((1, 2, 2), np.uint8), np.array([2], np.uint8), "label 2"),
        (np.zeros((1, 2, 2), np.uint8), np.array([1]), "int64"),
        (np.zeros((1, 2, 2), np.float32), np.array([1], np.uint8), "float32"),
        (np.zeros((1, 4), np.uint8), np.array([1], np.uint8), r"\(1, 4\)"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        check_images(Images(images, labels, DATA.classes))

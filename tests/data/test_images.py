import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.data import images
from stages.data.images import Images, check_images, chosen, load_images, save_images

DATA = Images(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([0, 1], np.uint8), np.array(["a", "b"]))
DIGITS = np.array([str(number) for number in range(50)])


def test_images_come_back_as_they_were_saved(tmp_path: Path):
    save_images(tmp_path / "train.npz", DATA)
    loaded = load_images(tmp_path / "train.npz")
    for saved, read in zip(DATA, loaded, strict=True):
        np.testing.assert_array_equal(saved, read)
        assert saved.dtype == read.dtype


def test_equal_images_give_equal_bytes(tmp_path: Path, monkeypatch):
    save_images(tmp_path / "a.npz", DATA)
    monkeypatch.setattr("time.time", lambda: 2e9)
    save_images(tmp_path / "b.npz", DATA)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:  # zlib's output would differ between its versions
        members = archive.infolist()
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}
    assert {(member.create_version, member.extract_version) for member in members} == {(20, 20)}  # with every Python


@pytest.mark.parametrize("large", [images.LARGE, 8])
def test_arrays_are_used_where_they_stand_in_the_file(tmp_path: Path, monkeypatch, large: int):
    monkeypatch.setattr("stages.data.images.LARGE", large)
    save_images(tmp_path / "train.npz", DATA)
    loaded = load_images(tmp_path / "train.npz")
    file = (tmp_path / "train.npz").read_bytes()
    begin = loaded.images.ctypes.data - file.index(DATA.images.tobytes())
    for array in loaded:
        assert array.ctypes.data % 64 == 0  # so TensorFlow need not copy it
        assert file[array.ctypes.data - begin :].startswith(array.tobytes())
    loaded.labels[0] = 1  # of this process alone
    assert (tmp_path / "train.npz").read_bytes() == file
    with np.load(tmp_path / "train.npz") as read:
        np.testing.assert_array_equal(read["images"], DATA.images)


def test_what_is_loaded_can_be_saved_where_it_came_from(tmp_path: Path):
    path = tmp_path / "train.npz"
    save_images(path, DATA)
    save_images(path, chosen(load_images(path), np.array([1])))
    np.testing.assert_array_equal(load_images(path).images, DATA.images[1:])


def test_chosen_images_are_saved_a_block_at_a_time_with_the_bytes_of_all_at_once(tmp_path: Path, monkeypatch):
    data = Images(
        np.random.default_rng(0).integers(0, 256, (50, 3, 4), np.uint8), np.arange(50, dtype=np.uint8), DIGITS
    )
    rows = np.random.default_rng(1).permutation(50)[:23]
    once, twice = chosen(data, rows), chosen(chosen(data, rows[:20]), np.arange(0, 20, 3))
    np.testing.assert_array_equal(twice.images[:], data.images[rows[:20:3]])
    save_images(tmp_path / "at once.npz", Images(data.images[rows], data.labels[rows], DIGITS))
    monkeypatch.setattr("stages.data.images.AT_ONCE", 30)
    assert [len(block) for block in images.blocks(once.images)] == [2] * 11 + [1]
    assert [row.tolist() for row in once.images] == data.images[rows].tolist()
    save_images(tmp_path / "blocks.npz", once)
    assert (tmp_path / "blocks.npz").read_bytes() == (tmp_path / "at once.npz").read_bytes()


@pytest.mark.parametrize("contents", [b"", b"not an archive"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, contents: bytes):
    (tmp_path / "train.npz").write_bytes(contents)
    with pytest.raises(UserError, match=r"train\.npz: cannot be used: .*; to make it: dvc repro"):
        load_images(tmp_path / "train.npz")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((3, 2, 2), np.uint8), np.zeros(2, np.uint8), r"3 images but labels \(2,\)"),
        (np.zeros((0, 2, 2), np.uint8), np.zeros(0, np.uint8), "no images"),
        (np.zeros((1, 2, 2), np.uint8), np.array([2], np.uint8), "label 2, expected 0 to 1"),
        (np.zeros((1, 2, 2), np.float32), np.array([1], np.uint8), "images are float32"),
        (np.zeros((1, 4), np.uint8), np.array([1], np.uint8), r"images are uint8 \(1, 4\)"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check_images(Images(images, labels, DATA.classes))


def test_an_absent_file_is_refused_with_the_command_that_makes_it(tmp_path: Path):
    with pytest.raises(UserError, match=r"train\.npz: not there; to make it: dvc repro"):
        load_images(tmp_path / "train.npz")


def member(array: np.ndarray, version: tuple[int, int] = (1, 0)) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (member(np.asfortranarray(DATA.images)), "images: in Fortran's order"),
        (member(DATA.images, (2, 0)), r"images: .npy format \(2, 0\), expected \(1, 0\)"),
        (member(DATA.images)[:-1], "images: 7 bytes, expected 8"),
        (member(DATA.images) + b"x", ".*"),
        (member(DATA.images)[:9], ".*"),
        (member(np.array([[["an object"]]], object)), ".*"),
        (b"", ".*"),
    ],
)
def test_an_array_in_another_form_is_refused(tmp_path: Path, images: bytes, reason: str):
    with zipfile.ZipFile(tmp_path / "train.npz", "w") as archive:
        archive.writestr("images.npy", images)
        archive.writestr("labels.npy", member(DATA.labels))
        archive.writestr("classes.npy", member(DATA.classes))
    with pytest.raises(UserError, match=rf"train\.npz: cannot be used: {reason}; to make it: dvc repro"):
        load_images(tmp_path / "train.npz")


def test_one_changed_bit_is_refused(tmp_path: Path):
    path = tmp_path / "train.npz"
    save_images(path, DATA)
    contents = bytearray(path.read_bytes())
    contents[contents.index(DATA.images.tobytes()) + 3] ^= 1
    path.write_bytes(contents)
    with pytest.raises(UserError, match=r"train\.npz: cannot be used: .*CRC.*; to make it: dvc repro"):
        load_images(path)

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.data.images import Images, check_images, load_images, save_images

DATA = Images(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([0, 1], np.uint8), np.array(["a", "b"]))


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

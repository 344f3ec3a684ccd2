"""Read whole and damaged picture files of all kinds."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.data import pictures
from stages.data.pictures import read_picture, read_pictures

SIDE = 12
GREY, COLOUR = (SIDE, SIDE), (SIDE, SIDE, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
EXACT = {"PNG": {}, "BMP": {}, "WEBP": {"lossless": True}}
FORMATS = EXACT | {"JPEG": {"quality": 95}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def encoded(array: np.ndarray, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, form, **FORMATS[form] | options)
    return file.getvalue()


def read(folder: Path, contents: bytes, shape: tuple[int, ...] = GREY) -> np.ndarray:
    (folder / "picture").write_bytes(contents)
    return read_picture(folder / "picture", shape)


@pytest.mark.parametrize("form", EXACT)
def test_a_picture_of_the_right_size_keeps_its_pixels(tmp_path: Path, form: str):
    np.testing.assert_array_equal(read(tmp_path, encoded(PIXELS, form)), PIXELS)
    np.testing.assert_array_equal(read(tmp_path, encoded(COLOURS, form), COLOUR), COLOURS)


@pytest.mark.parametrize("size", [(3, 5), (1000, 700)])
@pytest.mark.parametrize("form", FORMATS)
def test_any_size_is_stretched_to_the_square(tmp_path: Path, form: str, size: tuple[int, int]):
    width, height = size
    halves = np.zeros((height, width), np.uint8)
    halves[:, width // 2 + width % 2 :] = 255
    image = read(tmp_path, encoded(halves, form))
    assert image[:, :2].max() < 20
    assert image[:, -2:].min() > 235


def test_a_photograph_on_its_side_is_turned_upright_unless_its_exif_data_are_damaged(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn it by 90 degrees to the right
    np.testing.assert_array_equal(read(tmp_path, encoded(PIXELS, "PNG", exif=exif)), np.rot90(PIXELS, -1))
    np.testing.assert_array_equal(read(tmp_path, encoded(PIXELS, "PNG", exif=b"Exif\0\0garbage")), PIXELS)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(tmp_path: Path, mode: str):
    Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0)).convert(mode).save(tmp_path / "a.png")
    assert np.unique(read_picture(tmp_path / "a.png", COLOUR)).tolist() == [255]


def test_sixteen_bits_per_pixel_become_eight(tmp_path: Path):
    np.testing.assert_array_equal(read(tmp_path, encoded(PIXELS.astype(np.uint16) * 256, "PNG")), PIXELS)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_is_cut_off_is_unreadable_for_a_reason_of_one_line(tmp_path: Path, form: str):
    contents = encoded(PIXELS, form)
    paths = [tmp_path / str(length) for length in range(0, int(0.8 * len(contents)), 5)]
    for path in paths:
        path.write_bytes(contents[: int(path.name)])
    images, faults = read_pictures(paths, GREY)
    assert len(images) == 0
    assert list(faults) == list(range(len(paths)))
    assert {len(reason.splitlines()) for reason in faults.values()} == {1}


def test_many_files_come_in_their_order_without_the_unreadable_ones(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pictures, "CHUNK", 3)
    paths = [tmp_path / f"{number}.png" for number in range(10)]
    for number, path in enumerate(paths):
        Image.new("L", (2, 2), number).save(path)
    paths[4].write_bytes(b"GIF89a" + bytes(50))
    paths[8].unlink()
    images, faults = read_pictures(paths, (2, 2))
    assert images[:, 0, 0].tolist() == [0, 1, 2, 3, 5, 6, 7, 9]
    assert faults == {4: "not a PNG, JPEG, BMP or WebP file", 8: "No such file or directory"}
    assert read_pictures(paths[:1], (2, 2), lambda path, shape: 1 / 0)[1] == {0: "division by zero"}
    assert not list(pictures.PREPARED.iterdir())

"""Picture files of all kinds, whole and not, turned into pixels."""

import io
import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.base.errors import UserError
from stages.commands.predict import read_cut_out
from stages.data import pictures
from stages.data.pictures import Unreadable, read_picture, read_pictures
from tests.support.workspace import Screen

SIDE = 12
GREY, COLOUR = (SIDE, SIDE), (SIDE, SIDE, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
EXACT = {"PNG": {}, "BMP": {}, "WEBP": {"lossless": True}}
FORMATS = EXACT | {"JPEG": {"quality": 95}}


def encoded(array: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, form, **FORMATS[form])
    return file.getvalue()


def saved(folder: Path, contents: bytes) -> Path:
    path = folder / "picture"
    path.write_bytes(contents)
    return path


def attempt(path: Path) -> tuple[np.ndarray | None, str]:
    """The pixels, or why there are none."""
    try:
        return read_picture(path, GREY), ""
    except Unreadable as error:
        return None, str(error)


@pytest.mark.parametrize("form", EXACT)
def test_a_file_of_the_right_size_is_taken_pixel_by_pixel(tmp_path: Path, form: str):
    # WebP knows no grey: it comes back as three equal colours
    np.testing.assert_array_equal(read_picture(saved(tmp_path, encoded(PIXELS, form)), GREY), PIXELS)
    np.testing.assert_array_equal(read_cut_out(tmp_path / "picture", GREY), PIXELS)
    np.testing.assert_array_equal(read_picture(saved(tmp_path, encoded(COLOURS, form)), COLOUR), COLOURS)


def test_a_jpeg_is_read_too_and_grey_and_colour_are_turned_into_each_other(tmp_path: Path):
    smooth = np.tile(np.linspace(0, 255, SIDE).astype(np.uint8), (SIDE, 1))
    path = saved(tmp_path, encoded(smooth, "JPEG"))
    assert np.abs(read_picture(path, GREY).astype(int) - smooth).max() < 6
    assert read_picture(path, COLOUR).shape == (SIDE, SIDE, 3)
    red = np.tile(np.array([255, 0, 0], np.uint8), (SIDE, SIDE, 1))
    assert np.unique(read_picture(saved(tmp_path, encoded(red, "PNG")), GREY)).tolist() == [76]


@pytest.mark.parametrize("size", [(3, 5), (48, 24), (1000, 700)])
@pytest.mark.parametrize("form", FORMATS)
def test_any_size_is_stretched_to_the_square(tmp_path: Path, form: str, size: tuple[int, int]):
    width, height = size
    halves = np.zeros((height, width), np.uint8)
    halves[:, width // 2 + width % 2 :] = 255
    read = read_picture(saved(tmp_path, encoded(halves, form)), GREY)
    assert read.shape == (SIDE, SIDE)
    assert read[:, :2].max() < 20
    assert read[:, -2:].min() > 235


def test_a_photograph_that_lies_on_its_side_is_stood_up(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn it by 90 degrees to the right
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", GREY), np.rot90(PIXELS, -1))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str):
    Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0)).convert(mode).save(tmp_path / "a.png")
    assert np.unique(read_picture(tmp_path / "a.png", COLOUR)).tolist() == [255]


def test_sixteen_bits_a_pixel_are_scaled_and_not_cut_off(tmp_path: Path):
    Image.fromarray(PIXELS.astype(np.uint16) * 257).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", GREY), PIXELS)


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path):
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.webp", COLOUR), COLOURS)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_off_anywhere_is_refused_or_has_all_of_its_pixels(tmp_path: Path, form: str):
    contents = encoded(PIXELS, form)
    whole, _ = attempt(saved(tmp_path, contents))
    attempts = [attempt(saved(tmp_path, contents[:length])) for length in range(len(contents))]
    assert all(len(reason.splitlines()) == 1 for _, reason in attempts if reason)
    assert all(np.array_equal(read, whole) for read, reason in attempts if not reason)
    assert sum(bool(reason) for _, reason in attempts) > 0.8 * len(contents)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_with_any_byte_wrong_is_refused_in_one_line_or_read(tmp_path: Path, form: str):
    contents = encoded(PIXELS, form)
    for position, byte in enumerate(contents):
        wrong = contents[:position] + bytes([byte ^ 0xFF]) + contents[position + 1 :]
        read, reason = attempt(saved(tmp_path, wrong))
        assert read is not None or len(reason.splitlines()) == 1


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "empty"),
        (b"just text", "not a PNG, JPEG, BMP or WebP file"),
        (b"GIF89a" + bytes(50), "not a PNG, JPEG, BMP or WebP file"),
        (png_that_claims(10_000, 10_000), "10000 x 10000 pixels, at most 89,478,485 are read"),
        (png_that_claims(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647 pixels, at most 89,478,485 are read"),
    ],
)
def test_what_is_no_picture_or_a_bomb_is_refused_with_the_reason(tmp_path: Path, contents: bytes, reason: str):
    with pytest.raises(Unreadable) as refused:
        read_picture(saved(tmp_path, contents), GREY)
    assert str(refused.value) == reason


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, reason in (
        (tmp_path, "a folder that cannot be read"),
        (tmp_path / "pipe", "not a file"),
        (Path("/dev/zero"), "not a file"),
        (tmp_path / "nothing", "No such file or directory"),
        (tmp_path / "loop", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(Unreadable, match=f"^{reason}$"):
            read_picture(path, GREY)


def test_damaged_exif_data_are_no_reason_to_refuse_a_picture(tmp_path: Path, recwarn):
    for form in ("PNG", "JPEG", "WEBP"):
        Image.fromarray(PIXELS).save(tmp_path / "a", form, exif=b"Exif\0\0garbage", **FORMATS[form])
        assert read_picture(tmp_path / "a", GREY).shape == GREY


def test_sixteen_bits_with_a_transparent_grey_are_white_there(tmp_path: Path):
    Image.fromarray(np.full((SIDE, SIDE), 700, np.uint16)).save(tmp_path / "a.png", transparency=700)
    assert np.unique(read_picture(tmp_path / "a.png", GREY)).tolist() == [255]


def test_a_shape_need_not_be_square(tmp_path: Path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", (5, 9, 3)).shape == (5, 9, 3)
    assert read_cut_out(tmp_path / "a.png", (5, 9)).shape == (5, 9)


@pytest.mark.parametrize("in_a_file", [False, True])
def test_images_without_room_are_one_line(tmp_path: Path, in_a_file: bool):
    with pytest.raises(UserError, match=r"^1,000,000 pictures have no room: .*; a smaller image_size\?$"):
        read_pictures([Path("a.png")] * 1_000_000, (2**20, 2**20), scratch=tmp_path if in_a_file else None)


@pytest.mark.parametrize("size", [(900, 1200), (240, 320)])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_noise_of_a_camera_is_not_the_object(tmp_path: Path, form: str, size: tuple[int, int]):
    width, height = size
    photograph = np.tile(np.array((236, 233, 228)), (height, width, 1))
    photograph[height // 4 : height * 3 // 4, width * 3 // 8 : width * 5 // 8] = (60, 90, 150)  # taller than wide
    noisy = photograph + np.random.default_rng(0).normal(0, 3, (height, width, 1))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "a", form, quality=90)
    read = read_cut_out(tmp_path / "a", (28, 28))
    rows = np.flatnonzero(read.max(axis=1) > 50)
    assert rows.min() <= 1
    assert rows.max() >= 26
    assert read[:, :6].max() == read[:, -6:].max() == 0  # the ground is black


def test_a_ground_inside_the_box_of_the_object_is_black_though_it_is_noisy(tmp_path: Path):
    noisy = 230 + np.random.default_rng(0).normal(0, 2, (280, 280))
    noisy[20:260, 20:40] = noisy[20:260, 240:260] = 60  # two posts
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.png")
    assert np.median(read_cut_out(tmp_path / "a.png", (28, 28))) == 0


@pytest.mark.parametrize("ground", [(255, 255, 255), (236, 233, 228), (0, 0, 0)])
def test_an_object_is_cut_out_of_its_background_and_centred_on_black(tmp_path: Path, ground: tuple[int, int, int]):
    photograph = np.tile(np.array(ground, np.uint8), (200, 300, 1))
    photograph[20:180, 30:110] = (120, 130, 140)  # 160 high, 80 wide, left of the middle
    photograph[:3, 150] = np.abs(np.array(ground) - 8)  # noise of the background
    photograph[195, 290] = 255 - np.array(ground)  # a speck of dust
    Image.fromarray(photograph).save(tmp_path / "a.png")
    read = read_cut_out(tmp_path / "a.png", (28, 28)).astype(int)
    assert read.shape == (28, 28)
    assert read[:, :6].max() == read[:, -6:].max() == 0
    assert read[:, 8:20].min() > 60  # from the top to the bottom
    np.testing.assert_allclose(read, read[:, ::-1], atol=15)


def test_a_picture_of_one_colour_is_black_and_not_an_error(tmp_path: Path):
    Image.new("RGB", (50, 40), "green").save(tmp_path / "a.png")
    assert read_cut_out(tmp_path / "a.png", (28, 28)).max() == 0


def test_many_files_come_in_their_order_and_the_unreadable_ones_are_named(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pictures, "CHUNK", 3)
    paths = [tmp_path / f"{number}.png" for number in range(10)]
    for number, path in enumerate(paths):
        Image.new("L", (2, 2), number).save(path)
    paths[4].write_bytes(b"")
    paths[8].write_bytes(b"x")
    images, faults = read_pictures(paths, (2, 2))
    assert images[:, 0, 0].tolist() == [0, 1, 2, 3, 0, 5, 6, 7, 0, 9]
    assert faults == {4: "empty", 8: "not a PNG, JPEG, BMP or WebP file"}


def test_on_a_terminal_a_bar_shows_how_many_are_read_and_is_gone_at_the_end(tmp_path: Path, monkeypatch):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    read_pictures([tmp_path / "a.png"] * 7, (2, 2))
    assert "/7 [" in screen.getvalue()
    assert screen.getvalue().endswith("\r")


def test_a_fault_of_ours_is_no_fault_of_a_file(tmp_path: Path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="shape"):
        read_pictures([tmp_path / "a.png"], (2, 2), lambda path, shape: read_picture(path, (*shape, 3)))

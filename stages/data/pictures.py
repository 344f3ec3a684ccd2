"""Read picture files (PNG, JPEG, BMP, WebP) as the pixels that a model takes."""

import math
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from stages.base.errors import one_line
from stages.data.images import PREPARED

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
THREADS = min(os.cpu_count() or 1, 4)  # twice as fast on photographs as one thread
CHUNK = 256  # files that a thread reads in one go


class Unreadable(ValueError):  # noqa: N818
    """A file cannot be read as a picture; the message is the reason."""


def open_picture(path: Path, side: int) -> Image.Image:
    """Decode the first picture in a file: upright, on white where it is transparent, in mode L or RGB.

    Args:
        path: the file.
        side: the width and height needed, in pixels. A larger JPEG is decoded at a fraction of its size, at least
            twice this one, which is several times as fast.

    Raises:
        Unreadable: the file is missing, damaged or too large, or has another format.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            picture.draft(None, (2 * side, 2 * side))
            picture.load()
            with suppress(Exception):  # damaged EXIF data: the picture is not turned
                ImageOps.exif_transpose(picture, in_place=True)
            if picture.mode.startswith("I"):  # 16 bits per pixel; Pillow would clip them at 255
                return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            if picture.has_transparency_data:
                white = Image.new("RGBA", picture.size, "white")
                return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
            return picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    except UnidentifiedImageError:
        raise Unreadable("not a PNG, JPEG, BMP or WebP file") from None
    except Exception as error:  # decoders raise all kinds of errors for damaged files
        raise Unreadable(getattr(error, "strerror", None) or one_line(error) or type(error).__name__) from error


def read_picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Stretch a picture to a shape, as Keras's `image_dataset_from_directory` does.

    Args:
        path: the file.
        shape: [height, width], or [height, width, 3] in colour. A picture of that size is not resampled.

    Returns:
        uint8 of that shape.

    Raises:
        Unreadable: see `open_picture`.
    """
    height, width, *colours = shape
    picture = open_picture(path, max(height, width)).convert("RGB" if colours else "L")
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def read_pictures(
    paths: Sequence[Path],
    shape: tuple[int, ...],
    read: Callable[[Path, tuple[int, ...]], np.ndarray] = read_picture,
) -> tuple[np.ndarray, dict[int, str]]:
    """Read many files, with a progress bar on a terminal.

    Args:
        paths: n files.
        shape: the shape of one image.
        read: returns such an array for a file, or raises `Unreadable`.

    Returns:
        uint8 [k, *shape], the readable images, which may be larger than memory; and the reason for each unreadable
        file, by its position.
    """
    images = _array_in_a_file((len(paths), *shape))
    faults: dict[int, str] = {}

    def read_one(number: int) -> None:
        try:
            images[number] = read(paths[number], shape)
        except Unreadable as error:
            faults[number] = str(error)

    numbers = range(len(paths))
    # Pillow's warnings about metadata do not name the file.
    with warnings.catch_warnings(action="ignore"), ThreadPool(THREADS) as pool:
        done = pool.imap_unordered(read_one, numbers, CHUNK)
        for _ in tqdm(done, "reading", len(paths), unit=" files", leave=False, disable=None):
            pass
    readable = np.delete(numbers, list(faults))
    if faults:  # close the gaps, block by block
        for start in range(0, len(readable), CHUNK):
            block = images[readable[start : start + CHUNK]]
            images[start : start + len(block)] = block
    return images[: len(readable)], dict(sorted(faults.items()))


def _array_in_a_file(shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array in a temporary file, which disappears with the array."""
    PREPARED.mkdir(parents=True, exist_ok=True)  # not in /tmp, which may be in memory
    with tempfile.TemporaryFile(dir=PREPARED) as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS. Without it, a full disk would kill the process
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, np.uint8, "r+", shape=shape)

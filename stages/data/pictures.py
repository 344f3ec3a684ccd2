"""Read picture files (PNG, JPEG, BMP, WebP) as the pixels that a model takes."""

import math
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from stages.base.errors import one_line

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
        reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise Unreadable(reason or type(error).__name__) from error


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
    scratch: Path | None = None,
) -> tuple[np.ndarray, dict[int, str]]:
    """Read many files, with a progress bar on a terminal.

    Args:
        paths: n files.
        shape: the shape of one image.
        read: returns such an array for a file, or raises `Unreadable`.
        scratch: a folder for a temporary file with the images, which may be larger than memory.

    Returns:
        uint8 [k, *shape], the images that can be read; and the reason for each other file, by its position.
    """
    images = _in_a_file((len(paths), *shape), scratch) if scratch else np.empty((len(paths), *shape), np.uint8)
    numbers, faults = range(len(paths)), {}

    def read_some(some: range) -> int:
        for number in some:
            try:
                images[number] = read(paths[number], shape)
            except Unreadable as error:
                faults[number] = str(error)
        return len(some)

    with (
        warnings.catch_warnings(action="ignore"),  # about metadata, without the file's name
        tqdm(total=len(paths), desc="reading", unit=" files", leave=False, disable=None) as bar,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        for count in pool.map(read_some, [numbers[start : start + CHUNK] for start in numbers[::CHUNK]]):
            bar.update(count)
    readable = np.delete(numbers, list(faults))
    if faults:  # close the gaps, block by block
        for start in range(0, len(readable), CHUNK):
            block = images[readable[start : start + CHUNK]]
            images[start : start + len(block)] = block
    return images[: len(readable)], dict(sorted(faults.items()))


def _in_a_file(shape: tuple[int, ...], folder: Path) -> np.ndarray:
    """Return a uint8 array in a temporary file, which disappears with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS. Without it, a full disk would end the process by a signal
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, np.uint8, "r+", shape=shape)

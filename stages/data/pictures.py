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


def open_picture(path: Path, side: int) -> Image.Image:
    """Decode the first picture in a file: upright, on white where it is transparent, in mode L or RGB.

    A JPEG much larger than `side`, the pixels needed, is decoded at a fraction of its size: several times as fast.
    """
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


def read_picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Stretch a picture to uint8 [height, width], or [height, width, 3] in colour.

    Keras's `image_dataset_from_directory` stretches as well. A picture of the right size is not resampled.
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
        read: returns uint8 of that shape for a file. After any exception, the file counts as unreadable.

    Returns:
        uint8 [k, *shape], the readable images, which may be larger than memory; and the reason for each unreadable
        file, by its position.
    """
    images = _array_in_a_file((len(paths), *shape))
    faults: dict[int, str] = {}

    def read_one(number: int) -> None:
        try:
            images[number] = read(paths[number], shape)
        except UnidentifiedImageError:
            faults[number] = "not a PNG, JPEG, BMP or WebP file"
        except Exception as error:  # decoders raise all kinds of errors for damaged files
            faults[number] = getattr(error, "strerror", None) or one_line(error) or type(error).__name__

    # Pillow's warnings about metadata do not name the file.
    with warnings.catch_warnings(action="ignore"), ThreadPool(THREADS) as pool:
        done = pool.imap_unordered(read_one, range(len(paths)), CHUNK)
        for _ in tqdm(done, "reading", len(paths), unit=" files", leave=False, disable=None):
            pass
    readable = [number for number in range(len(paths)) if number not in faults]
    for row, number in enumerate(readable):  # close the gaps
        if row < number:
            images[row] = images[number]
    return images[: len(readable)], dict(sorted(faults.items()))


def _array_in_a_file(shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array in a temporary file, which disappears with the array."""
    PREPARED.mkdir(parents=True, exist_ok=True)  # not in /tmp, which may be in memory
    with tempfile.TemporaryFile(dir=PREPARED) as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS. Without it, a full disk would kill the process
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, np.uint8, "r+", shape=shape)

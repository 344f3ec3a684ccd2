"""Picture files (PNG, JPEG, BMP, WebP) turned into the pixels that a model takes."""

import math
import os
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from stages.base.errors import UserError, one_line

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")
MOST_PIXELS = 89_478_485  # Pillow's own bound, past which it only warns; it holds 4 bytes of each
LARGE = 16_000_000  # pixels: of such pictures one at a time is in memory

# Threads double the speed on photographs and cost some on the smallest files.
THREADS = min(os.cpu_count() or 1, 4)
CHUNK = 256  # files that a thread reads in one go

_alone = threading.Lock()


class Unreadable(ValueError):  # noqa: N818  (a finding about a file)
    """No picture can be had from a file; says why."""


def open_picture(path: Path, side: int) -> Image.Image:
    """The first picture in a file: upright, on white where it is transparent, in mode L or RGB.

    Args:
        path: the file.
        side: how many pixels wide and high it will be at most. A larger JPEG is decoded at a fraction of its size, no
            less than twice that, which is several times as fast.

    Raises:
        Unreadable: it is no such file, damaged, or too large.
    """
    Image.MAX_IMAGE_PIXELS = None  # ours is a bound, and in one line
    try:
        kind = path.stat()
        if not stat.S_ISREG(kind.st_mode):  # a pipe would have no end
            raise Unreadable("a folder that cannot be read" if stat.S_ISDIR(kind.st_mode) else "not a file")
        if not kind.st_size:
            raise Unreadable("empty")
        with Image.open(path, formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            if pixels > MOST_PIXELS:
                raise Unreadable(f"{picture.width} x {picture.height} pixels, at most {MOST_PIXELS:,} are read")
            with _alone if pixels > LARGE else nullcontext():
                return _decoded(picture, side)
    except Unreadable:
        raise
    except UnidentifiedImageError:
        raise Unreadable("not a PNG, JPEG, BMP or WebP file") from None
    except Exception as error:  # a damaged file raises whatever the decoder raises that meets it
        reason = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise Unreadable(reason or type(error).__name__) from error


def _decoded(picture: Image.Image, side: int) -> Image.Image:
    picture.draft(None, (2 * side, 2 * side))
    picture.load()
    with suppress(Exception):  # a picture whose EXIF data are damaged stays as it lies
        ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith("I"):  # 16 bits a pixel, which Pillow would cut off at 255
        pixels = np.asarray(picture)
        clear = pixels == picture.info.get("transparency", -1)
        return Image.fromarray(np.where(clear, 255, pixels >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def read_picture(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A picture stretched to a shape, as Keras's `image_dataset_from_directory` does it.

    Args:
        path: the file.
        shape: [height, width], or [height, width, 3] in colour. A picture of that size already stays as it is.

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
        shape: of one image.
        read: what makes of a file an array of such a shape, or raises `Unreadable`.
        scratch: a folder for the images, which memory need not hold then.

    Returns:
        uint8 [n, *shape]; and why a file could not be read, by its position. Its pixels are then 0.

    Raises:
        UserError: so many images have no room.
    """
    try:
        images = _in_a_file((len(paths), *shape), scratch) if scratch else np.zeros((len(paths), *shape), np.uint8)
    except (MemoryError, OverflowError, OSError) as error:
        reason = one_line(getattr(error, "strerror", None) or error)
        raise UserError(f"{len(paths):,} pictures have no room: {reason}; a smaller image_size?") from error
    faults: dict[int, str] = {}

    def read_some(numbers: range) -> int:
        for number in numbers:
            try:
                images[number] = read(paths[number], shape)
            except Unreadable as error:
                faults[number] = str(error)
        return len(numbers)

    chunks = [range(start, min(start + CHUNK, len(paths))) for start in range(0, len(paths), CHUNK)]
    pool = ThreadPoolExecutor(THREADS)
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of damaged metadata, without the name of the file
            tqdm(total=len(paths), desc="reading", unit=" files", leave=False, disable=None) as bar,
        ):
            for count in pool.map(read_some, chunks):
                bar.update(count)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would read them all first
    return images, dict(sorted(faults.items()))


def _in_a_file(shape: tuple[int, ...], folder: Path) -> np.ndarray:
    """Zeros, uint8, in a file that goes with them."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # not on macOS. Where a disk is full, a map ends the process by a signal
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
        return np.memmap(file, np.uint8, "r+", shape=shape)

"""Classify picture files: `make predict IMAGE=photo.jpg`, or a folder of them.

Or: python -m stages.commands.predict IMAGE... [--format table|json|csv] [--save-input [FOLDER]]. A picture of the size
that the model takes stays as it is. Any other is stretched as `prepare` does it, or, where the model was trained on
Fashion-MNIST or the digits, cut out and turned white on black as their authors did. Exit codes: 2 where a picture
cannot be read (it is named, and the others are classified) or the model cannot.
"""

import argparse
import csv
import io
import itertools
import json
import math
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from stages.base.errors import UserError
from stages.base.files import load_json
from stages.base.process import run
from stages.data.image_folder import files_below
from stages.data.images import load_images
from stages.data.pictures import open_picture, read_picture, read_pictures

WHITE_ON_BLACK = ("fashion_mnist", "digits")  # cut out and centred by their authors
CLOSE = 13  # 5 % of 255: as close to the background as that is background
AT_ONCE = 2048  # pictures in memory
AT_ONCE_BYTES = 2**26  # or fewer
LIKELY = 0.1  # a second class with less probability is not named
INPUTS = Path("plots/inputs")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

Row = tuple[Path, str, np.ndarray]  # a picture, its class, and the probability of each class, float [classes]


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says.

    Raises:
        UserError: it names no picture.
    """
    parser = argparse.ArgumentParser(prog="predict", description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="picture files, and folders of them")
    parser.add_argument("--model", type=Path, default=Path("models/best-model.keras"))
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.add_argument(
        "--save-input", nargs="?", type=Path, const=INPUTS, metavar="FOLDER",
        help=f"write each picture as the model saw it, into {INPUTS} or another folder",
    )  # fmt: skip
    options = parser.parse_args(words)
    options.images = [Path(image) for image in options.images if image]  # `make predict` alone gives ""
    if options.save_input and options.save_input.suffix.lower() in ENDINGS:
        raise UserError(f"predict: --save-input takes a folder, got {options.save_input}; put the pictures before it")
    if not options.images:
        raise UserError("predict: name a picture or a folder of them: make predict IMAGE=photo.jpg")
    return options


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those in the folders."""
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112  (for what it says of a name that is too long)
            yield from files_below(path)
        else:
            yield path


def read_cut_out(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A photograph as the authors of Fashion-MNIST made theirs (Xiao et al. 2017, arXiv:1708.07747, figure 1).

    The background, the colour of the corners, is cut off around the object and becomes black; the object is brought to
    the full size, in the centre, in grey. (Theirs is sharpened too.) A picture of that size already stays as it is.

    Args:
        path: the file.
        shape: [height, width].

    Returns:
        uint8 [height, width].

    Raises:
        Unreadable: see `open_picture`.
    """
    height, width = shape
    picture = open_picture(path, max(shape))
    if picture.size == (width, height):
        return np.asarray(picture.convert("L"))
    picture = picture.convert("RGB")
    picture.thumbnail((8 * width, 8 * height))  # means of many pixels, in which the noise of a camera is small
    right, bottom = picture.width - 1, picture.height - 1
    corners = [picture.getpixel(corner) for corner in ((0, 0), (right, 0), (0, bottom), (right, bottom))]
    background = Image.new("RGB", picture.size, tuple(np.median(corners, axis=0).astype(int).tolist()))
    apart = ImageChops.difference(picture, background).filter(
        ImageFilter.MedianFilter(3)
    )  # no single pixel is an object
    box = Image.fromarray(np.asarray(apart).max(axis=-1) > CLOSE).getbbox()
    grey = ImageChops.difference(picture.convert("L"), background.convert("L")).crop(box)
    grey = grey.point([value if value > CLOSE else 0 for value in range(256)])
    grey = ImageOps.contain(grey, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(ImageOps.pad(grey, (width, height), color=0))


def table(rows: Iterable[Row], classes: Sequence[str], width: int) -> Iterator[str]:
    """Lines of columns: the picture, its class with its probability, and the next one where that may be it too."""
    class_width = max(5, *map(len, classes))
    yield f"{'image':{width}}  {'class':{class_width}}  prob.   or"
    for file, name, probabilities in rows:
        first, second = np.argsort(-probabilities, kind="stable")[:2]
        line = f"{file!s:{width}}  {name:{class_width}}  {_written(probabilities[first]):6}"
        other = f"  {classes[second]} {_written(probabilities[second])}" if probabilities[second] >= LIKELY else ""
        yield f"{line}{other}".rstrip()


def _written(probability: float) -> str:
    return f"{probability:.3f}" if probability < 0.9995 else ">0.999"  # it is never certain


def json_lines(rows: Iterable[Row], classes: Sequence[str]) -> Iterator[str]:
    """A list of objects."""
    found = []
    for file, name, probabilities in rows:
        values = dict(zip(classes, map(float, probabilities), strict=True))
        found.append({"image": str(file), "class": name, "probability": values[name], "probabilities": values})
    yield json.dumps(found, indent=2, ensure_ascii=False)


def csv_lines(rows: Iterable[Row], classes: Sequence[str]) -> Iterator[str]:
    """A row a picture, with a column for the probability of each class."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="")
    header = ["image", "class", "probability", *classes]
    for row in itertools.chain([header], ([file, name, max(values), *values] for file, name, values in rows)):
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def main() -> None:
    """Picture files, models/best-model.keras -> their classes on the terminal."""
    options = arguments()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it
    sys.stdout.reconfigure(errors="backslashreplace")  # a file may have a name that is no text
    files = list(files_of(options.images))
    if not files:
        raise UserError(f"predict: no picture in {options.images[0]}")
    test = load_images(Path("data/prepared/test.npz"))
    dataset = load_json(Path("metrics/data.json"), "dataset")["dataset"]
    classes, shape = test.classes.tolist(), test.images.shape[1:]
    read = read_cut_out if dataset in WHITE_ON_BLACK else read_picture

    from stages.evaluation.saved_models import load_model, predict

    model = load_model(options.model, test)
    at_once = max(1, min(AT_ONCE, AT_ONCE_BYTES // math.prod(shape)))
    if options.save_input:
        options.save_input.mkdir(parents=True, exist_ok=True)
    if options.save_input == INPUTS:
        for old in INPUTS.glob("*.png"):
            old.unlink()
    unreadable = []

    def classified() -> Iterator[Row]:
        for start in range(0, len(files), at_once):
            some = files[start : start + at_once]
            images, faults = read_pictures(some, shape, read)
            for number, fault in faults.items():
                print(f"{some[number]}: {fault}", file=sys.stderr)
            unreadable.extend(faults)
            kept = [number for number in range(len(some)) if number not in faults]
            if options.save_input:
                for number in kept:
                    name = f"{start + number + 1:05}-{some[number].stem[:100]}.png"
                    Image.fromarray(images[number]).save(options.save_input / name)
            if kept:
                probabilities = predict(model, images[kept])  # [kept, classes]
                for number, values in zip(kept, probabilities, strict=True):
                    yield some[number], classes[values.argmax()], values

    width = min(max(len(str(file)) for file in files), 60)
    lines = {"table": partial(table, width=width), "json": json_lines, "csv": csv_lines}[options.format]
    for line in lines(classified(), classes):
        print(line)
    sys.stdout.flush()
    if options.save_input:
        print(f"as the model saw them: {options.save_input}", file=sys.stderr)
    if unreadable:
        raise UserError(f"predict: {len(unreadable)} of {len(files)} pictures could not be read, see above")


if __name__ == "__main__":
    run(main)

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
from PIL import Image

from stages.core.artifacts import load_json
from stages.core.errors import UserError, run
from stages.core.image_folder import files_below
from stages.core.images import load_images
from stages.core.pictures import read_cut_out, read_picture, read_pictures

WHITE_ON_BLACK = ("fashion_mnist", "digits")  # cut out and centred by their authors
AT_ONCE = 2048  # pictures in memory
AT_ONCE_BYTES = 2**26  # or fewer
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


def table(rows: Iterable[Row], classes: Sequence[str], width: int) -> Iterator[str]:
    """Lines of columns: the picture, its class with its probability, and the next two."""
    class_width = max(5, *map(len, classes))
    yield f"{'image':{width}}  {'class':{class_width}}  probability  next"
    for file, name, probabilities in rows:
        first, *others = np.argsort(-probabilities, kind="stable")[:3]
        after = ", ".join(f"{classes[label]} {_written(probabilities[label])}" for label in others)
        yield f"{file!s:{width}}  {name:{class_width}}  {_written(probabilities[first]):>11}  {after}"


def _written(probability: float) -> str:
    return f"{probability:.3f}" if probability < 0.9995 else ">0.999"  # it is never certain


def json_lines(rows: Iterable[Row], classes: Sequence[str]) -> Iterator[str]:
    """A list of objects, one a line."""
    before = "["
    for file, name, probabilities in rows:
        values = dict(zip(classes, map(float, probabilities), strict=True))
        row = {"image": str(file), "class": name, "probability": values[name], "probabilities": values}
        yield f"{before}{json.dumps(row, ensure_ascii=False)}"
        before = ","
    yield "[]" if before == "[" else "]"


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

    from stages.core.evaluation import load_model, predict

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

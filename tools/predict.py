"""Classify picture files, or folders of them.

A picture of the model's size is used as it is. Any other is stretched as `prepare` does it or, for a model of
Fashion-MNIST, cut out and turned white on black as its authors did. A picture that cannot be read is named, the others
are classified, and the exit code is 2.
"""

import argparse
import csv
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from stages.base.errors import UserError
from stages.base.files import files_below, load_json
from stages.base.inputs import warn_if_edited
from stages.base.process import run
from stages.data.images import PREPARED, load_images
from stages.data.pictures import open_picture, read_picture, read_pictures

WHITE_ON_BLACK = ("fashion_mnist", "sample")  # cut out and centred by their authors
CLOSE = 13  # 5% of 255: pixels this close to the background are background
LIKELY = 0.1  # the probability from which the second class is printed too

Row = tuple[Path, str, np.ndarray]  # a picture, its class, and the probability of each class, float [classes]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.predict", description=__doc__.split("\n", 1)[0])
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="picture files, or folders of them")
    parser.add_argument("--model", type=Path, default=Path("models/best-model.keras"), help="another saved model")
    parser.add_argument("--csv", action="store_true", help="print CSV with the probability of every class")
    parser.add_argument("--save-input", type=Path, metavar="FOLDER", help="write each picture as the model saw it")
    return parser.parse_args()


def read_cut_out(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a photograph as the authors of Fashion-MNIST made theirs (Xiao et al. 2017, arXiv:1708.07747, figure 1).

    The background, which has the colour of the corners, is cut off around the object and becomes black. The object is
    scaled to the full size, centred, in grey. (Theirs is sharpened too.) A picture of the right size stays as it is.

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
    picture.thumbnail((8 * width, 8 * height))  # averages out the noise of a camera
    right, bottom = picture.width - 1, picture.height - 1
    corners = [picture.getpixel(corner) for corner in ((0, 0), (right, 0), (0, bottom), (right, bottom))]
    background = Image.new("RGB", picture.size, tuple(np.median(corners, axis=0).astype(int).tolist()))
    apart = ImageChops.difference(picture, background).filter(ImageFilter.MedianFilter(3))  # removes single pixels
    box = Image.fromarray(np.asarray(apart).max(axis=-1) > CLOSE).getbbox()
    grey = ImageChops.difference(picture.convert("L"), background.convert("L")).crop(box)
    grey = grey.point([value if value > CLOSE else 0 for value in range(256)])
    grey = ImageOps.contain(grey, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(ImageOps.pad(grey, (width, height), color=0))


def print_table(rows: Iterable[Row], classes: Sequence[str], width: int) -> None:
    """Print a line per picture: its class, its probability, and the second class where that is likely too."""
    class_width = max(5, *map(len, classes))
    print(f"{'image':{width}}  {'class':{class_width}}  prob.   or")
    for file, name, probabilities in rows:
        first, second = np.argsort(-probabilities, kind="stable")[:2]
        line = f"{file!s:{width}}  {name:{class_width}}  {_rounded(probabilities[first]):6}"
        other = f"  {classes[second]} {_rounded(probabilities[second])}" if probabilities[second] >= LIKELY else ""
        print(f"{line}{other}".rstrip())


def _rounded(probability: float) -> str:
    return f"{probability:.3f}" if probability < 0.9995 else ">0.999"  # a model is never certain


def print_csv(rows: Iterable[Row], classes: Sequence[str]) -> None:
    """Print a row per picture with a column for the probability of each class."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", "class", "probability", *classes])
    writer.writerows([file, name, max(values), *values] for file, name, values in rows)


def main() -> None:
    """Picture files, models/best-model.keras -> their classes on the terminal."""
    options = arguments()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends the process
    sys.stdout.reconfigure(errors="backslashreplace")  # a file name may not be UTF-8
    is_folder = os.path.isdir  # Path.is_dir raises an error for a name that is too long
    files = [file for path in options.images for file in (files_below(path) if is_folder(path) else [path])]
    if not files:
        raise UserError(f"no picture in {options.images[0]}")
    warn_if_edited()
    test = load_images(PREPARED, "test")
    dataset = load_json(Path("metrics/data.json"), "dataset")["dataset"]
    classes, shape = test.classes.tolist(), test.images.shape[1:]
    read = read_cut_out if dataset in WHITE_ON_BLACK else read_picture

    from stages.evaluation.saved_models import load_model, predict

    model = load_model(options.model, test)
    images, faults = read_pictures(files, shape, read, scratch=PREPARED)
    for number, fault in faults.items():
        print(f"{files[number]}: {fault}", file=sys.stderr)
    readable = [file for number, file in enumerate(files) if number not in faults]
    if options.save_input:
        options.save_input.mkdir(parents=True, exist_ok=True)
        for number, (file, image) in enumerate(zip(readable, images, strict=True), 1):
            Image.fromarray(image).save(options.save_input / f"{number:05}-{file.stem[:100]}.png")
    probabilities = predict(model, images) if readable else []
    rows = [(file, classes[each.argmax()], each) for file, each in zip(readable, probabilities, strict=True)]
    if options.csv:
        print_csv(rows, classes)
    else:
        print_table(rows, classes, width=min(max(len(str(file)) for file in files), 60))
    sys.stdout.flush()
    if faults:
        raise UserError(f"{len(faults)} of {len(files)} pictures could not be read, see above")


if __name__ == "__main__":
    run(main)

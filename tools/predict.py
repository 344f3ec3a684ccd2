"""Classify picture files, or folders of them.

A picture of the model's size is used as it is. For a model of Fashion-MNIST, any other picture is prepared as the
authors of the data did; otherwise it is stretched, as in `prepare`. If a picture cannot be read, one line names it, the
others are classified, and the exit code is 2.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from stages.base.errors import UserError
from stages.base.files import files_below, load_json
from stages.base.inputs import warn_if_edited
from stages.base.process import run
from stages.data.images import PREPARED, Counts, load_images
from stages.data.pictures import open_picture, read_picture, read_pictures

WHITE_ON_BLACK = ("fashion_mnist", "sample")  # data sets of objects cut out by their authors
CLOSE = 13  # 5% of 255: pixels that differ less from the background belong to it


def read_cut_out(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Read a photograph and prepare it as in Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747, figure 1).

    The colour of the corners is the background. It is cropped around the object and becomes black. The object is scaled
    to the full size and centred, in grey. (The authors also sharpen it.) A picture of the right size stays as it is.

    Returns:
        uint8 [height, width], which is `shape`.
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
    return np.asarray(ImageOps.pad(grey, (width, height), Image.Resampling.LANCZOS, color=0))


def print_rows(files: Sequence[Path], probabilities: np.ndarray, classes: Sequence[str], as_csv: bool) -> None:
    """Print the class of each of n files and its probability; as CSV, all probabilities, float [n, classes]."""
    rows = [(file, classes[each.argmax()], each) for file, each in zip(files, probabilities, strict=True)]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["image", "class", "probability", *classes])
        writer.writerows([file, name, max(each), *each] for file, name, each in rows)
        return
    file_width, class_width = max(len(str(file)) for file in files), max(map(len, classes))
    for file, name, each in rows:
        probability = f"{max(each):.3f}" if max(each) < 0.9995 else ">0.999"  # a model is never certain
        print(f"{file!s:{file_width}}  {name:{class_width}}  {probability}")


def main() -> None:
    """Picture files, models/best-model.keras -> their classes on the terminal."""
    parser = argparse.ArgumentParser(prog="python -m tools.predict", description=__doc__.split("\n", 1)[0])
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="picture files, or folders of them")
    parser.add_argument("--model", type=Path, default=Path("models/best-model.keras"), help="another saved model")
    parser.add_argument("--csv", action="store_true", help="print CSV with the probability of every class")
    parser.add_argument("--save-input", type=Path, metavar="FOLDER", help="write each picture as the model saw it")
    options = parser.parse_args()
    files = [file for path in options.images for file in (files_below(path) if path.is_dir() else [path])]
    if not files:
        raise UserError(f"no picture in {options.images[0]}")
    warn_if_edited()
    test = load_images(PREPARED, "test")
    dataset = load_json(Path("metrics/data.json"), Counts).dataset
    read = read_cut_out if dataset in WHITE_ON_BLACK else read_picture

    from stages.evaluation.saved_models import load_model, predict

    model = load_model(options.model, test)
    images, faults = read_pictures(files, test.images.shape[1:], read)
    for number, fault in faults.items():
        print(f"{files[number]}: {fault}", file=sys.stderr)
    readable = [file for number, file in enumerate(files) if number not in faults]
    if options.save_input:
        options.save_input.mkdir(parents=True, exist_ok=True)
        for number, (file, image) in enumerate(zip(readable, images, strict=True), 1):
            Image.fromarray(image).save(options.save_input / f"{number:05}-{file.stem[:100]}.png")
    if readable:
        print_rows(readable, predict(model, images), test.classes.tolist(), options.csv)
    if faults:
        sys.exit(UserError.exit_code)


if __name__ == "__main__":
    run(main)

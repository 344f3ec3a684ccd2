"""A folder of pictures, with a folder for each class: its files, their classes, and the split for test."""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.errors import UserError
from stages.base.files import files_below
from stages.base.imports import skip_imports
from stages.base.params import OF_A_FOLDER, DataParams
from stages.data.images import PREPARED, Dataset, Images, classes_without
from stages.data.pictures import read_pictures

with skip_imports("pandas"):
    from sklearn.model_selection import train_test_split

logger = logging.getLogger(__name__)

PARTS = {"train", "test"}
MOST_CLASSES = 256  # labels are uint8


class Pictures(NamedTuple):
    """Picture files and their classes."""

    files: list[Path]
    labels: np.ndarray  # uint8 [n], positions among the classes


def image_folder(params: DataParams) -> Dataset:
    """Read a folder of PNG, JPEG, BMP or WebP files: a folder for each class in it, or in train/ and test/ in it.

    Raises:
        UserError: the folder has another form; a class has too few pictures; or files cannot be read, and
            `skip_unreadable` is false. Each such file was named.
    """
    folder = Path(params.image_dir)
    classes, parts, strays = list_images(folder)
    if "" in parts:
        parts = _split_off_test(folder, classes, parts[""], params)
    elif params.test_size != (committed := OF_A_FOLDER["test_size"]):
        raise UserError(
            f"params.yaml: test_size: {folder} has train/ and test/, so no share is split off; set it back to "
            f"{committed}, got {params.test_size}"
        )
    shape = (params.image_size, params.image_size) + ((3,) if params.color_mode == "rgb" else ())
    unreadable = [f"{path}: not in the folder of a class" for path in strays]
    data, files = {}, {}
    for name, part in parts.items():
        images, faults = read_pictures(part.files, shape, scratch=PREPARED)
        unreadable += [f"{part.files[number]}: {fault}" for number, fault in faults.items()]
        data[name] = Images(images, np.delete(part.labels, list(faults)), np.array(classes))
        files[name] = [path for number, path in enumerate(part.files) if number not in faults]
    for line in unreadable:
        logger.warning("%s", line)
    if unreadable and not params.skip_unreadable:
        raise UserError(
            f"{folder}: files that are not pictures of a class: {len(unreadable)}, named above; remove them, or leave "
            "them out with skip_unreadable: true"
        )
    for name, part in data.items():
        if missing := classes_without(part.labels, part.classes):
            raise UserError(f"{folder}: class {missing[0]} has no readable picture for {name}")
    return Dataset(data["train"], data["test"], files["train"], files["test"], len(unreadable))


def list_images(folder: Path) -> tuple[list[str], dict[str, Pictures], list[Path]]:
    """List the files in a folder of pictures, without opening any.

    Returns:
        The classes, sorted; the pictures, under "train" and "test", or under "" in a folder without these two; and the
        files that are not in the folder of a class.

    Raises:
        UserError: the folder does not have 2 to 256 classes; train/ or test/ is missing; or their classes differ.
    """
    if not folder.is_dir():
        raise UserError(f"params.yaml: image_dir: no such folder: {folder}")
    by_class, strays = _files_by_class(folder)
    by_part = {"": by_class}
    if PARTS & by_class.keys():
        if by_class.keys() != PARTS:
            raise UserError(f"{folder}: expected the folders train and test and no others, got {_some(by_class)}")
        by_part = {}
        for part in ("train", "test"):
            by_part[part], more = _files_by_class(folder / part)
            strays += more
        if different := by_part["train"].keys() ^ by_part["test"].keys():
            raise UserError(f"{folder}: train and test must have the same classes, but differ in {_some(different)}")
        by_class = by_part["train"]
    classes = sorted(by_class)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise UserError(
            f"{folder}: must have 2 to {MOST_CLASSES} folders of pictures, one per class, got {len(classes)}"
        )
    return classes, {part: _in_order(folder / part, each) for part, each in by_part.items()}, strays


def _files_by_class(folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return the files in each folder of a class, by the class's name in Unicode NFC, and the files outside of them.

    Raises:
        UserError: two folders have names that look the same, as macOS and Linux write Korean (NFD and NFC).
    """
    by_class, strays, names = defaultdict(list), [], {}
    for path in files_below(folder):
        name, *below = path.relative_to(folder).parts
        if not below:
            strays.append(path)
            continue
        composed = unicodedata.normalize("NFC", name)
        if names.setdefault(composed, name) != name:
            raise UserError(f"{folder}: {name!a} and {names[composed]!a} look the same; rename or merge them")
        by_class[composed].append(path)
    return by_class, strays


def _in_order(folder: Path, by_class: dict[str, list[Path]]) -> Pictures:
    """Return the files in the order of their names within a class, and only then of the classes."""
    depth = len(folder.parts) + 1
    labels = {name: label for label, name in enumerate(sorted(by_class))}
    labelled = sorted((path.parts[depth:], labels[name], path) for name, paths in by_class.items() for path in paths)
    return Pictures([path for *_, path in labelled], np.array([label for _, label, _ in labelled], np.uint8))


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _split_off_test(folder: Path, classes: list[str], pictures: Pictures, params: DataParams) -> dict[str, Pictures]:
    """Split off the share `test_size` of each class.

    Raises:
        UserError: a class has too few pictures to have one in both parts.
    """
    files, labels = pictures
    try:
        parts = train_test_split(
            np.arange(len(files)), test_size=params.test_size, random_state=params.split_seed, stratify=labels
        )
    except ValueError:  # a class has only one picture, or a part would have fewer pictures than there are classes
        parts = []
    if not parts or any(len(np.unique(labels[rows])) < len(classes) for rows in parts):
        counts = np.bincount(labels)
        fewest = counts.argmin()
        advice = "add pictures of it" if counts[fewest] < 2 else "sort the pictures into train/ and test/ yourself"
        raise UserError(
            f"{folder}: test_size: must leave a picture of each class for training and one for test, got "
            f"{params.test_size} of {len(files)} pictures, {counts[fewest]} of them of class {classes[fewest]}; "
            f"{advice}"
        )
    train, test = (Pictures([files[row] for row in rows], labels[rows]) for rows in parts)
    return {"train": train, "test": test}

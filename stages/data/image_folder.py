"""A folder of pictures, with a folder for each class: its files, their classes, and the split for test."""

import logging
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.errors import UserError
from stages.base.files import files_below
from stages.base.imports import skip_imports
from stages.base.params import OF_A_FOLDER, DataParams
from stages.data.images import Dataset, Images, classes_without
from stages.data.pictures import read_pictures

with skip_imports("pandas"):
    from sklearn.model_selection import train_test_split

logger = logging.getLogger(__name__)

PARTS = {"train", "test"}
MOST_CLASSES = 256  # labels are uint8
ADVICE = "add pictures of the class, sort them into train/ and test/ yourself, or try another split_seed"


class Picture(NamedTuple):
    """A picture file. Sorts by its name in the folder of its class, and only then by class."""

    name: tuple[str, ...]
    class_name: str
    path: Path


def image_folder(params: DataParams) -> Dataset:
    """Read a folder of pictures, with a folder for each class in it, or in train/ and test/ in it.

    Raises:
        UserError: the folder has another form; a class has too few pictures; or files cannot be read, and
            `skip_unreadable` is false. The log names each such file.
    """
    folder = Path(params.image_dir)
    classes, parts, strays = list_images(folder)
    if "" in parts:
        parts = _split_off_test(folder, parts[""], params)
    elif params.test_size != (default := OF_A_FOLDER["test_size"]):
        raise UserError(
            f"params.yaml: test_size: not used, because {folder} has train/ and test/; reset it to {default}, got "
            f"{params.test_size}"
        )
    shape = (params.image_size, params.image_size) + ((3,) if params.color_mode == "rgb" else ())
    unreadable = [f"{path}: not in the folder of a class" for path in strays]
    data, files = {}, {}
    for part, pictures in parts.items():
        images, faults = read_pictures([picture.path for picture in pictures], shape)
        unreadable += [f"{pictures[number].path}: {fault}" for number, fault in faults.items()]
        readable = [picture for number, picture in enumerate(pictures) if number not in faults]
        labels = np.searchsorted(classes, [picture.class_name for picture in readable]).astype(np.uint8)
        data[part] = Images(images, labels, np.array(classes))
        files[part] = [picture.path for picture in readable]
    for line in unreadable:
        logger.warning("%s", line)
    if unreadable and not params.skip_unreadable:
        raise UserError(
            f"{folder}: files that are not pictures of a class: {len(unreadable)}, named above; remove them, or leave "
            "them out with skip_unreadable: true"
        )
    for part, (_, labels, _) in data.items():
        if missing := classes_without(labels, np.array(classes)):
            raise UserError(f"{folder}: class {missing[0]} has no readable picture for {part}; {ADVICE}")
    return Dataset(data["train"], data["test"], files["test"], len(unreadable))


def list_images(folder: Path) -> tuple[list[str], dict[str, list[Picture]], list[Path]]:
    """List the files in a folder of pictures, without opening any.

    Returns:
        The classes, sorted; the pictures, sorted, under "train" and "test", or under "" in a folder without these two;
        and the files that are not in the folder of a class.
    """
    if not folder.is_dir():
        raise UserError(f"params.yaml: image_dir: no such folder: {folder}")
    files = {path: path.relative_to(folder).parts for path in files_below(folder)}
    depth = 1 if any(names[0] in PARTS and len(names) > 1 for names in files.values()) else 0  # of class folders
    parts, strays = defaultdict(list), []
    for path, names in files.items():
        if len(names) < depth + 2:
            strays.append(path)
            continue
        class_name = unicodedata.normalize("NFC", names[depth])  # macOS may write Korean in NFD, Linux writes NFC
        parts[names[0] if depth else ""].append(Picture(names[depth + 1 :], class_name, path))
    if depth and parts.keys() != PARTS:
        received = ", ".join(sorted(parts))
        raise UserError(f"{folder}: must have pictures in the folders train and test and in no other, got {received}")
    classes = {picture.class_name for pictures in parts.values() for picture in pictures}
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise UserError(
            f"{folder}: must have 2 to {MOST_CLASSES} folders of pictures, one per class, got {len(classes)}"
        )
    return sorted(classes), {part: sorted(pictures) for part, pictures in parts.items()}, strays


def _split_off_test(folder: Path, pictures: list[Picture], params: DataParams) -> dict[str, list[Picture]]:
    """Split off the share `test_size` of each class."""
    labels = [picture.class_name for picture in pictures]
    try:
        train, test = train_test_split(
            pictures, test_size=params.test_size, random_state=params.split_seed, stratify=labels
        )
    except ValueError:  # a class has only one picture, or a part would have fewer pictures than there are classes
        name, count = Counter(labels).most_common()[-1]
        raise UserError(
            f"{folder}: test_size: must leave a picture of each class for training and one for test, got "
            f"{params.test_size} of {len(labels)} pictures, {count} of them of class {name}; {ADVICE}"
        ) from None
    return {"train": train, "test": test}

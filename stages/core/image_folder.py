"""A folder of picture files, with a folder for each class: what there is, and of which class. Nothing is opened."""

import os
from pathlib import Path
from typing import NamedTuple

from stages.core.errors import UserError

PARTS = ["test", "train"]
MOST_CLASSES = 256  # labels are uint8


class Listing(NamedTuple):
    """The picture files of one part."""

    files: list[Path]  # by their names within a class, and only then by class: the first few are of several classes
    labels: list[int]  # of each, its position among the classes


class ImageFolder(NamedTuple):
    """What a folder holds."""

    classes: list[str]  # the names of the folders, sorted
    parts: dict[str, Listing]  # "train" and "test"; where it has no such folders, all under ""
    strays: list[Path]  # files outside of the classes' folders


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """The files in a folder, however deep, sorted; but for names that begin with a dot (.DS_Store, .gitignore).

    Links are followed, but not to a folder `above`. A folder that cannot be read stands for what is in it.
    """
    found, real = [], folder.resolve()
    if real in above:
        return found
    try:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.name.startswith("."):
                    path = folder / entry.name
                    found += files_below(path, (*above, real)) if entry.is_dir() else [path]
    except OSError:
        return [folder]
    return found


def check_is_there(folder: Path) -> None:
    """Before DVC looks for it, which has deleted the outputs of `prepare` by then.

    Raises:
        UserError: there is no such folder.
    """
    if not os.path.isdir(folder):  # noqa: PTH112  (for what it says of a name that is too long)
        raise UserError(f"params.yaml: image_dir: no such folder: {folder}")


def list_images(folder: Path) -> ImageFolder:
    """Look through a folder.

    Raises:
        UserError: there are no two classes, more than 256, one without a file, or others in test than in train.
    """
    check_is_there(folder)
    inside = _folders(folder)
    parts = [name for name in PARTS if name in inside]
    if not parts:
        classes, strays = _classes(folder)
        return ImageFolder(classes, {"": _listing(folder, classes)}, strays)
    if len(parts) == 1:
        raise UserError(f"{folder}: train and test are the names of its two parts, and only {parts[0]} is there")
    if inside != PARTS:
        raise UserError(f"{folder}: beside train and test there must be no other folder, got {_some(inside)}")
    (classes, strays), (tested, test_strays) = (_classes(folder / part) for part in ("train", "test"))
    if classes != tested:
        odd = sorted(set(classes) ^ set(tested))
        raise UserError(f"{folder}: train and test must hold the same classes, not so with {_some(odd)}")
    listings = {part: _listing(folder / part, classes) for part in ("train", "test")}
    return ImageFolder(classes, listings, [*_files(folder), *strays, *test_strays])


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _folders(folder: Path) -> list[str]:
    return [path.name for path in _visible(folder) if path.is_dir()]


def _files(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if not path.is_dir()]


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def _classes(folder: Path) -> tuple[list[str], list[Path]]:
    classes = _folders(folder)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise UserError(f"{folder}: must hold 2 to {MOST_CLASSES} folders, one for each class, got {len(classes)}")
    if odd := [name for name in classes if not name.isprintable()]:
        raise UserError(f"{folder}: a class must have a printable name, got {odd[0]!r}")
    return classes, _files(folder)


def _listing(folder: Path, classes: list[str]) -> Listing:
    found = []
    for label, name in enumerate(classes):
        inside = files_below(folder / name)
        if not inside:
            raise UserError(f"{folder / name}: no picture")
        found += [(path.relative_to(folder / name).as_posix(), label, path) for path in inside]
    found.sort()
    return Listing([path for _, _, path in found], [label for _, label, _ in found])

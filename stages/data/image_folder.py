"""A folder of picture files, with a folder for each class: what there is, and of which class. Nothing is opened.

DVC takes a folder for unchanged if what it hashes of it is: so whatever is read here is in that, or refused.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from stages.base.errors import UserError
from stages.base.params import OF_A_FOLDER

PARTS = ["test", "train"]
MOST_CLASSES = 256  # labels are uint8

# What DVC does not hash, and what it stops at or waits for.
LINK = (
    "a link to a folder, and DVC does not see what changes behind it; "
    "move the folder itself there, or name the real one as image_dir"
)
PASSED_OVER = (
    "DVC passes over it, for a line of a .dvcignore or a .dvc in a folder above it; take that away, or the file"
)
NO_PERMISSION = "no permission to read it, which DVC needs too; grant it (chmod u+rX), or take it away"
NO_FILE = "neither a file nor a folder, or a link to nothing, which DVC cannot hash; take it away"
IGNORE_FILE = "DVC takes no folder with such a file in it; move its lines to the .dvcignore of the project"
NO_UTF8 = "a name that is not UTF-8, which DVC needs; give it another"


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


def check_folder(folder: Path) -> None:
    """Hold that DVC hashes each file that `list_images` finds, and can; before it deletes the outputs of `prepare`.

    Raises:
        UserError: there is no such folder, or something in it that DVC passes over or cannot hash.
    """
    if not os.path.isdir(folder):  # noqa: PTH112  (for what it says of a name that is too long)
        raise UserError(f"params.yaml: image_dir: no such folder: {folder}")
    by_name = os.path.normpath(folder)  # DVC goes up from a link to where it stands, the system to where it leads
    if not (os.path.isdir(by_name) and os.path.samefile(folder, by_name)):  # noqa: PTH112, PTH121
        raise UserError(f"params.yaml: image_dir: {folder} is {by_name} for DVC, another folder; name it without ..")
    if faults := sorted(_faults(by_name)):
        path, fault = faults[0]
        more = sum(other == fault for _, other in faults[1:])
        where = path if path.isprintable() else repr(path)
        raise UserError(f"{where}{f' (and {more} more)' if more else ''}: {fault}")


def check_test_size(folder: Path, test_size: float) -> None:
    """Hold that nobody asks for a share of test images where the folder has its own.

    Raises:
        UserError: somebody does.
    """
    usual = OF_A_FOLDER["test_size"]
    if test_size != usual and folder.is_dir() and _folders(folder) == PARTS:
        raise UserError(
            f"params.yaml: test_size: {folder} has train/ and test/, so no share is split off; set it back to {usual}, "
            f"got {test_size}"
        )


def _faults(folder: str) -> Iterator[tuple[str, str]]:
    """A path in the folder, and what is wrong with it."""
    hashed = _hashed_by_dvc(folder)
    yield from ((path, fault) for path in hashed if (fault := _unhashable(path)))
    inside = [folder]
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside += (f"{where}/{name}" for name in folders)
        seen = (f"{where}/{name}" for name in files if not name.startswith("."))
        yield from ((path, PASSED_OVER) for path in seen if path not in hashed)
    for path in inside:
        if path != folder and os.path.islink(path):  # noqa: PTH114
            yield path, LINK
        elif not os.access(path, os.R_OK | os.X_OK):
            yield path, NO_PERMISSION


def _hashed_by_dvc(folder: str) -> set[str]:
    """The files that DVC hashes of a folder, hidden ones too; none behind a link to a folder in it."""
    from dvc.fs import localfs  # a quarter of a second, for pictures alone
    from dvc.ignore import DvcIgnoreFilter

    ignore = DvcIgnoreFilter(localfs, str(Path.cwd()))
    ignore.is_ignored_dir(folder)  # from the root down, as `dvc repro` comes: `find` alone overlooks a .dvc on the way
    return set(ignore.find(localfs, folder))


def _unhashable(path: str) -> str | None:
    """Why DVC would stop at a file, or wait for it."""
    if not os.path.isfile(path):  # noqa: PTH113
        return NO_FILE
    if not os.access(path, os.R_OK):  # DVC may know the hash from before, and see no change
        return NO_PERMISSION
    if path.endswith("/.dvcignore"):
        return IGNORE_FILE
    return None if path.encode(errors="ignore").decode() == path else NO_UTF8


def list_images(folder: Path) -> ImageFolder:
    """Look through a folder.

    Raises:
        UserError: there are no two classes, more than 256, one without a file, or others in test than in train; or see
            `check_folder`.
    """
    check_folder(folder)
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

"""Raw files, found on this machine or downloaded, and used only if their checksum is right."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field
from tqdm import tqdm

from stages.base.errors import DataUnreachable, UserError, one_line
from stages.base.process import main_checkout
from stages.base.yaml_files import read_yaml

logger = logging.getLogger(__name__)

REGISTRY = Path("data/fashion_mnist.yaml")
TIMEOUT = 30  # seconds without an answer, or between two pieces of one
ATTEMPTS_AGAIN = 1  # per mirror
ABSENT = "not there"

# Of a progress bar over bytes, gone once all is read. disable=None: where standard error is no terminal
BAR = {"unit": "B", "unit_scale": True, "leave": False, "disable": None}


class RawFile(BaseModel):
    """One file of a data set."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[\w.-]+$")  # in a folder, and behind a mirror's URL
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")


class RawFiles(BaseModel):
    """The four files, by their role."""

    model_config = ConfigDict(extra="forbid")

    train_images: RawFile
    train_labels: RawFile
    test_images: RawFile
    test_labels: RawFile


class Registry(BaseModel):
    """The files of the data set, and where they can be had."""

    model_config = ConfigDict(extra="forbid")

    mirrors: list[str]  # base URLs, tried in turn
    files: RawFiles
    classes: list[str]


def read_registry() -> Registry:
    """The files of Fashion-MNIST; UserError if the registry file is no such list."""
    return read_yaml(REGISTRY, Registry)


def raw_folders() -> list[Path]:
    """The folders that may hold raw files, in the order in which they are searched.

    A relative FASHION_MNIST_DIR counts from the main checkout too.

    Raises:
        UserError: FASHION_MNIST_DIR begins with the home of a user that is not there.
    """
    root = main_checkout()
    if root == Path.cwd():
        root = Path()  # for shorter messages
    folders = [root / "data/raw"]
    if given := os.environ.get("FASHION_MNIST_DIR"):
        try:
            folders.append(root / Path(given).expanduser())
        except RuntimeError:
            raise UserError(f"FASHION_MNIST_DIR={given}: there is no such user") from None
    return folders


def _fault(path: Path, checksum: str) -> str | None:
    """Why a file cannot be used, or None if it is right."""
    algorithm, expected = checksum.split(":")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return error.strerror
    return None if found == expected else f"its {algorithm} is {found}, expected {expected}"


def _search(file: RawFile) -> tuple[Path | None, list[str]]:
    """The file on this machine, or None; and the faults of the places searched before."""
    faults = []
    for folder in raw_folders():
        path = folder / file.name
        fault = _fault(path, file.checksum)
        if fault is None:
            return path, faults
        faults.append(f"{path}: {fault}" if folder.is_dir() else f"{folder}: no such folder")
    return None, faults


def on_this_machine(registry: Registry) -> bool:
    """Whether every file is here, so that no network is needed."""
    return all(_search(file)[0] for _, file in registry.files)


def fetch(registry: Registry) -> dict[str, Path]:
    """Find each file, or download it into the first of `raw_folders()`; the paths by role.

    Raises:
        DataUnreachable: one is nowhere with the right checksum.
        UserError: there is no place to download it to.
    """
    return {role: _fetch(file, registry.mirrors) for role, file in registry.files}


def _fetch(file: RawFile, mirrors: list[str]) -> Path:
    path, faults = _search(file)
    path = path or _download(file, mirrors, faults)
    for fault in faults:
        if not fault.endswith(ABSENT):
            logger.warning("not used: %s", fault)
    return path


def _download(file: RawFile, mirrors: list[str], faults: list[str]) -> Path:
    import pooch  # with requests, a quarter of a second: only where there is something to download
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # it announces each attempt; ours says what failed
    folder = raw_folders()[0]
    if (folder / file.name).is_dir():
        raise UserError(f"{folder / file.name}: a folder stands where the file belongs; move it away")

    def downloader(url: str, path: str, source: pooch.Pooch) -> None:
        with DownloadBar(file.name) as bar:  # of this attempt
            pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT)(url, path, source)

    for mirror in mirrors:
        logger.info("%s: downloading from %s", file.name, mirror)
        source = pooch.create(folder, mirror, registry={file.name: file.checksum}, retry_if_failed=ATTEMPTS_AGAIN)
        try:
            return Path(source.fetch(file.name, downloader=downloader))
        except requests.HTTPError as error:
            faults.append(f"{mirror}: HTTP {error.response.status_code}")
        except requests.RequestException as error:
            faults.append(f"{mirror}: {type(error).__name__}")
        except OSError as error:
            if error.errno:  # the machine's, a full disk
                raise
            faults.append(f"{mirror}: {one_line(error)}")  # certificates that are not where a variable says
        except ValueError:
            faults.append(f"{mirror}: serves a file with another checksum")
    raise DataUnreachable(
        f"{file.name}: not to be had ({'; '.join(faults)}). Put the four files into data/raw/, or name their folder "
        "in FASHION_MNIST_DIR, or run the embedded data: dvc exp run -S dataset=digits"
    )


@contextmanager
def open_with_bar(path: Path) -> Iterator[BinaryIO]:
    """A file to read, with a bar that shows how much of it has been."""
    with (
        path.open("rb") as file,
        tqdm.wrapattr(file, "read", total=path.stat().st_size, desc=f"reading {path.name}", **BAR) as counted,
    ):
        yield counted


class DownloadBar(tqdm):
    """A bar for pooch, which sets the total once the server has said it."""

    def __init__(self, name: str) -> None:
        super().__init__(desc=name, **BAR)

    def __bool__(self) -> bool:
        """Pooch means: whether it is a bar. To tqdm it would be whether its total is more than nothing."""
        return True

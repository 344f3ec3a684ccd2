"""The raw files of Fashion-MNIST and of its sample: four gzipped IDX files, used only with the right checksum."""

import gzip
import hashlib
import math
import os
import struct
import sys
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field

from stages.base.errors import DataUnreachable, UserError, one_line
from stages.base.process import main_checkout
from stages.base.yaml_files import Checked, read_yaml
from stages.data.images import Dataset, Images, check_images

REGISTRY = Path("data/fashion_mnist.yaml")
SAMPLE = Path("data/sample")
UNSIGNED_BYTE = 0x08  # a type in the header of an IDX file
TIMEOUT = 30  # seconds without any data from a mirror
RETRIES = 1  # for each mirror
ADVICE = (
    "Copy the four files into data/raw/, name their folder in FASHION_MNIST_DIR, or use the embedded sample: "
    "dvc exp run -S dataset=sample"
)


class RawFile(Checked):
    """One file of a data set."""

    name: str  # in a folder, and at the end of a mirror's URL
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")


class Registry(Checked):
    """The files of the data set and of the sample, and where to download the first: data/fashion_mnist.yaml."""

    mirrors: list[str]  # base URLs, tried in turn
    files: dict[str, RawFile]  # by role: train_images, train_labels, test_images, test_labels
    sample: dict[str, RawFile]
    classes: list[str]


def read_registry() -> Registry:
    """Read the registry; raise UserError if it is missing or damaged."""
    return read_yaml(REGISTRY, Registry)


def raw_folders() -> list[Path]:
    """Return the folders that may hold raw files, in the order in which they are searched."""
    root = main_checkout()
    if root == Path.cwd():
        root = Path()  # for shorter messages
    folder = os.environ.get("FASHION_MNIST_DIR")  # if relative, then to the main checkout
    return [root / "data/raw"] + ([root / Path(folder).expanduser()] if folder else [])


def find(file: RawFile, folders: list[Path]) -> Path | None:
    """Return the first file of this name in the folders, or None.

    Raises:
        UserError: that file has another checksum. It stays where it is, since somebody put it there.
    """
    algorithm, expected = file.checksum.split(":")
    for path in (folder / file.name for folder in folders):
        try:
            with path.open("rb") as opened:
                received = hashlib.file_digest(opened, algorithm).hexdigest()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; expected a file; move it away") from error
        if received != expected:
            raise UserError(f"{path}: another file than expected, its {algorithm} is {received}; move it away")
        return path
    return None


def on_this_machine(registry: Registry) -> bool:
    """Return whether every file is on this machine, so that no network is needed."""
    return all(find(file, raw_folders()) for file in registry.files.values())


def fetch(registry: Registry) -> dict[str, Path]:
    """Find each file, or download it into the first of `raw_folders()`; return the paths by role.

    Raises:
        DataUnreachable: a file is not on this machine and no mirror serves it.
        UserError: a file of that name has another checksum.
    """
    return {
        role: find(file, raw_folders()) or _download(file, registry.mirrors) for role, file in registry.files.items()
    }


def _download(file: RawFile, mirrors: list[str]) -> Path:
    import pooch  # takes a quarter of a second

    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
    reasons = []
    for mirror in mirrors:
        source = pooch.create(raw_folders()[0], mirror, registry={file.name: file.checksum}, retry_if_failed=RETRIES)
        try:
            return Path(source.fetch(file.name, downloader=downloader))
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None):  # of the machine, such as a full disk; requests sets no number
                raise
            reasons.append(f"{urlsplit(mirror).netloc}: {_reason(error)}")
    raise DataUnreachable(f"Fashion-MNIST cannot be downloaded ({'; '.join(reasons)})", ADVICE)


def _reason(error: OSError | ValueError) -> str:
    if (response := getattr(error, "response", None)) is not None:
        return f"HTTP {response.status_code}"
    return "another file than expected" if isinstance(error, ValueError) else type(error).__name__


def read_files(paths: dict[str, Path], classes: list[str]) -> Dataset:
    """Read the four files.

    Raises:
        UserError: a file is not in the IDX format, or labels do not fit images.
    """

    def read(part: str) -> Images:
        images, labels = paths[f"{part}_images"], paths[f"{part}_labels"]
        try:
            return check_images(Images(read_idx(images, 3), read_idx(labels, 1), np.array(classes)))
        except ValueError as error:
            raise UserError(f"{images}, {labels.name}: {error}") from error

    return Dataset(read("train"), read("test"))


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes: http://yann.lecun.com/exdb/mnist/ ("file formats").

    The header is two zero bytes, the type, the number of dimensions, then each dimension as a big-endian 32-bit
    integer. The values follow in C order.

    Returns:
        A read-only uint8 array with `ndim` dimensions.

    Raises:
        UserError: the file is not gzip or not IDX, or has another type, number of dimensions or length.
    """
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a readable gzip file: {one_line(error)}") from error
    start = 4 + 4 * ndim
    expected = bytes([0, 0, UNSIGNED_BYTE, ndim])
    shape = struct.unpack(f">{ndim}I", raw[4:start]) if len(raw) >= start else ()
    if raw[:4] != expected or len(raw) - start != math.prod(shape):
        raise UserError(
            f"{path}: not an IDX file of unsigned bytes in {ndim} dimensions: header {raw[:start].hex(' ')}, "
            f"then {max(0, len(raw) - start)} values"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)

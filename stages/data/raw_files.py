"""The raw files of Fashion-MNIST and of its sample: four gzipped IDX files, used only with the right checksum."""

import gzip
import hashlib
import os
import struct
import sys
from pathlib import Path

import numpy as np
from pydantic import Field

from stages.base.errors import DataUnreachable, UserError
from stages.base.process import main_checkout
from stages.base.yaml_files import Checked, read_yaml
from stages.data.images import Dataset, Images

REGISTRY = Path("data/fashion_mnist.yaml")
SAMPLE = Path("data/sample")
TIMEOUT = 30  # seconds without any data from a mirror
ADVICE = (
    "Copy the four files into data/raw/, name their folder in FASHION_MNIST_DIR, or use the embedded sample: "
    "dvc exp run -S dataset=sample"
)


class RawFile(Checked):
    """One file of a data set."""

    name: str  # in a folder, and at the end of a mirror's URL
    checksum: str = Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")


class Registry(Checked):
    """The files of Fashion-MNIST, with their mirrors, and of its sample: data/fashion_mnist.yaml."""

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
    folder = os.environ.get("FASHION_MNIST_DIR")  # a relative path starts at the main checkout
    return [root / "data/raw"] + ([root / Path(folder).expanduser()] if folder else [])


def find(file: RawFile, folders: list[Path]) -> Path | None:
    """Return the first file of this name in the folders, or None; raise UserError if it has another checksum."""
    algorithm, expected = file.checksum.split(":")
    for path in (folder / file.name for folder in folders):
        if path.exists():
            with path.open("rb") as opened:
                received = hashlib.file_digest(opened, algorithm).hexdigest()
            if received != expected:
                raise UserError(f"{path}: expected {file.checksum}, got {algorithm}:{received}; move it away")
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

    folder, reasons = raw_folders()[0], []
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=TIMEOUT)
    for mirror in mirrors:
        try:
            return Path(pooch.retrieve(mirror + file.name, file.checksum, file.name, folder, downloader=downloader))
        except OSError as error:
            if error.errno:  # of this machine, such as a full disk; requests sets no number
                raise
            reasons.append(f"{mirror}: {type(error).__name__}")
        except ValueError:
            reasons.append(f"{mirror}: another file than expected")
    raise DataUnreachable(f"Fashion-MNIST cannot be downloaded ({'; '.join(reasons)})", ADVICE)


def read_files(paths: dict[str, Path], classes: list[str]) -> Dataset:
    """Read the four files, given by role."""
    train, test = (
        Images(read_idx(paths[f"{part}_images"]), read_idx(paths[f"{part}_labels"]), np.array(classes))
        for part in ("train", "test")
    )
    return Dataset(train, test)


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes as a read-only array: http://yann.lecun.com/exdb/mnist/.

    The header is two zero bytes, the type, the number of dimensions, then each dimension as a big-endian 32-bit
    integer. The values follow in C order. The file is not damaged: its checksum is right.
    """
    raw = gzip.decompress(path.read_bytes())
    ndim = raw[3]
    shape = struct.unpack_from(f">{ndim}I", raw, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape)

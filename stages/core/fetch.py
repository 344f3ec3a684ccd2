"""Raw files, found on this machine or downloaded, and used only if their checksum is right."""

import logging
import os
from pathlib import Path

import pooch
import requests

from stages.core.errors import DataUnreachable

logger = logging.getLogger(__name__)

TIMEOUT = 30  # seconds without an answer, or between two pieces of one
ATTEMPTS_AGAIN = 2  # per mirror


def raw_folders() -> list[Path]:
    """The folders that may hold raw files, in the order in which they are searched.

    DVC sets DVC_ROOT to the main checkout for every stage, also in the temporary copies in which queued
    experiments run. A relative FASHION_MNIST_DIR counts from there too.
    """
    root = Path(os.environ.get("DVC_ROOT", "."))
    folders = [root / "data/raw"]
    if given := os.environ.get("FASHION_MNIST_DIR"):
        folders.append(root / Path(given).expanduser())
    return folders


def fetch(name: str, checksum: str, mirrors: list[str]) -> Path:
    """Find the file, or download it into the first of `raw_folders()`.

    Args:
        name: its name in a folder and behind a mirror's URL.
        checksum: "algorithm:hexadecimal digest".
        mirrors: base URLs, tried in turn.

    Raises:
        DataUnreachable: it is nowhere with the right checksum.
    """
    folders = raw_folders()
    for folder in folders:
        path = folder / name
        if path.is_file():
            algorithm, expected = checksum.split(":")
            found = pooch.file_hash(path, alg=algorithm)
            if found == expected:
                return path
            logger.warning("%s: not used, its %s is %s, expected %s", path, algorithm, found, expected)
    downloader = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    refusals = []
    for mirror in mirrors:
        source = pooch.create(folders[0], mirror, registry={name: checksum}, retry_if_failed=ATTEMPTS_AGAIN)
        try:
            return Path(source.fetch(name, downloader=downloader))
        except (requests.RequestException, ValueError) as error:  # ValueError: the checksum is wrong
            refusals.append(f"{mirror}: {type(error).__name__}")
    raise DataUnreachable(
        f"{name}: in none of {', '.join(map(str, folders))}, and no download ({'; '.join(refusals)}). "
        "Put the four files into data/raw/, or name their folder in FASHION_MNIST_DIR, "
        "or run the embedded data: dvc exp run -S dataset=digits"
    )

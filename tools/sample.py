"""Make data/sample again from the original files: python -m tools.sample.

It takes the first images of Fashion-MNIST and prints the checksums for data/fashion_mnist.yaml.
"""

import gzip
import hashlib
import io
import struct

import numpy as np

from stages.base.process import outputs, run
from stages.data.raw_files import SAMPLE, fetch, read_idx, read_registry

IMAGES = {"train": 6_000, "test": 1_000}
LEVEL = 9  # of compression. Another version of zlib may give other bytes, which unpack to the same images.


def packed(array: np.ndarray) -> bytes:
    """Return a gzipped IDX file of unsigned bytes, without a name and a time."""
    header = bytes([0, 0, 0x08, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", LEVEL, buffer, mtime=0) as file:  # gzip.compress names the system in some Pythons
        file.write(header + array.tobytes())
    return buffer.getvalue()


def main() -> None:
    """Original files -> data/sample/."""
    registry = read_registry()
    originals = fetch(registry)
    with outputs() as begin:
        for role, file in registry.sample.items():
            part, kind = role.split("_")
            first = read_idx(originals[role], 3 if kind == "images" else 1)[: IMAGES[part]]
            contents = packed(first)
            begin(SAMPLE / file.name).write_bytes(contents)
            print(f"{role}: md5:{hashlib.md5(contents, usedforsecurity=False).hexdigest()}")


if __name__ == "__main__":
    run(main)

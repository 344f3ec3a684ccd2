"""The IDX format of the MNIST family: http://yann.lecun.com/exdb/mnist/ ("file formats")."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.data.raw_files import open_with_bar

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, ndim: int) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes.

    The header is two zero bytes, the type, the number of dimensions, then each dimension as a big-endian
    32-bit integer; the values follow in C order.

    Returns:
        A read-only uint8 array with `ndim` dimensions.

    Raises:
        UserError: not gzip, not IDX, another type or number of dimensions, or another length than it says.
    """
    try:
        with open_with_bar(path) as file, gzip.GzipFile(fileobj=file) as unpacked:
            raw = unpacked.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a readable gzip file: {error}") from error
    header_size = 4 + 4 * ndim
    if raw[:4] != bytes([0, 0, UNSIGNED_BYTE, ndim]) or len(raw) < header_size:
        raise UserError(
            f"{path}: not an IDX file of unsigned bytes in {ndim} dimensions, it begins with {raw[:4].hex(' ')}"
        )
    shape = struct.unpack(f">{ndim}I", raw[4:header_size])
    if len(raw) - header_size != math.prod(shape):
        raise UserError(f"{path}: {len(raw) - header_size} values, but its header says {shape}")
    return np.frombuffer(raw, np.uint8, offset=header_size).reshape(shape)

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.data.idx import read_idx

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(array: np.ndarray, magic: bytes = b"\0\0\x08\x03") -> bytes:
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def pack(contents: bytes) -> bytes:
    return gzip.compress(contents, mtime=0)  # a time would be in the names of the tests


def test_an_idx_file_is_read_as_it_was_written(tmp_path: Path):
    (tmp_path / "images.gz").write_bytes(pack(idx(IMAGES)))
    read = read_idx(tmp_path / "images.gz", ndim=3)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, IMAGES)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (pack(idx(IMAGES))[:-9], "not a readable gzip file"),
        (b"<html>404</html>", "not a readable gzip file"),
        (b"", "begins with"),
        (pack(idx(IMAGES, b"\0\0\x0d\x03")), "begins with 00 00 0d 03"),
        (pack(idx(IMAGES, b"\0\0\x08\x01")), "begins with 00 00 08 01"),
        (pack(b"\0\0\x08\x03\0\0"), "not an IDX file"),
        (pack(idx(IMAGES)[:-1]), r"23 values, but its header says \(2, 3, 4\)"),
        (pack(idx(IMAGES) + b"\0"), r"25 values, but its header says \(2, 3, 4\)"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_by_name(tmp_path: Path, contents: bytes, message: str):
    (tmp_path / "images.gz").write_bytes(contents)
    with pytest.raises(UserError, match=message) as refused:
        read_idx(tmp_path / "images.gz", ndim=3)
    assert "images.gz" in str(refused.value)

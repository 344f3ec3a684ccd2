"""How far two files of one kind are apart, in words."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Values = dict[str, Any]


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}".strip("."))
    else:
        yield name, value


def _json(contents: bytes) -> Values:
    return dict(_leaves(json.loads(contents)))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _csv(contents: bytes) -> Values:
    rows = csv.DictReader(io.StringIO(contents.decode()))
    return {f"{column} in row {n}": _number(cell) for n, row in enumerate(rows, 1) for column, cell in row.items()}


def _hdf5(contents: bytes) -> Values:
    import h5py

    arrays: Values = {}
    with h5py.File(io.BytesIO(contents)) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    return arrays


def _keras(contents: bytes) -> Values:
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith(".h5")} | _hdf5(
            archive.read("model.weights.h5")
        )


def _npz(contents: bytes) -> Values:
    with np.load(io.BytesIO(contents)) as arrays:
        return dict(arrays)


READERS: dict[str, Callable[[bytes], Values]] = {
    ".csv": _csv, ".h5": _hdf5, ".json": _json, ".keras": _keras, ".npz": _npz,
}  # fmt: skip


def _distance(one: Any, other: Any) -> float | None:  # noqa: ANN401
    """The largest difference of two numbers or arrays of numbers; None if they are nothing of the kind."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.dtype.kind not in "iuf" or other.dtype.kind not in "iuf":
        return None
    return float(np.max(np.abs(one.astype(float) - other.astype(float)), initial=0))


def difference(suffix: str, committed: bytes, fresh: bytes) -> str:
    """What differs between two files with this ending, and by how much at most."""
    if suffix not in READERS or committed == fresh:
        return f"{len(committed):,} bytes, now {len(fresh):,}"
    try:
        before, now = (READERS[suffix](contents) for contents in (committed, fresh))
    except Exception as error:
        return f"the committed file cannot be read ({type(error).__name__})"
    if before.keys() != now.keys():
        return f"other names: {', '.join(sorted(before.keys() ^ now.keys()))}"
    distances = {name: _distance(before[name], now[name]) for name in now}
    others = [
        name for name, apart in distances.items() if apart is None and not np.array_equal(before[name], now[name])
    ]
    numbers = {name: apart for name, apart in distances.items() if apart}
    said = []
    if others:
        said.append(f"{others[0]}{f' and {len(others) - 1} more are' if others[1:] else ' is'} something else")
    if numbers:
        largest = max(numbers, key=numbers.__getitem__)
        said.append(f"{len(numbers)} of {len(now)} values, most in {largest}: by {numbers[largest]:.3g}")
    return "; ".join(said) or "every value is the same, written otherwise"

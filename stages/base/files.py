"""The files that stages hand to each other. Equal contents give equal bytes: no times, no paths."""

import csv
import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.base.errors import UserError, one_line
from stages.base.yaml_files import faults


class JsonFile(BaseModel):
    """The values of a JSON file that a stage writes; `model_dump` has the order of the fields."""

    model_config = ConfigDict(frozen=True, strict=True)


Schema = TypeVar("Schema", bound=JsonFile)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in the folders below it, sorted, without hidden names such as .DS_Store.

    Raises:
        UserError: a folder is a symbolic link. DVC does not see what changes behind one.
        OSError: a folder cannot be read.
    """

    def stop(error: OSError) -> None:
        raise error

    for parent, folders, files in os.walk(folder, onerror=stop):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (path := Path(parent, name)).is_symlink():
                raise UserError(f"{path}: a link to a folder, which DVC does not follow; move the folder itself there")
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; raise ValueError for a NaN or infinity, which JSON does not have."""
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def load_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read what `save_json` wrote, and check that it has these keys.

    Raises:
        UserError: the file is missing or not valid.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error
    if not isinstance(values, dict):
        raise unusable(path, f"not a mapping: {values!r}")
    if missing := [key for key in keys if key not in values]:
        raise unusable(path, f"{missing[0]} is missing")
    return values


def load(path: Path, schema: type[Schema]) -> Schema:
    """Read what `save_json` wrote, and check it against a schema.

    Raises:
        UserError: the file is missing or not valid.
    """
    values = load_json(path)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise unusable(path, faults(error, schema)[0]) from error


def leaves(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """Yield the values in nested mappings and lists under names as in `dvc exp show`: test.macro_f1."""
    if not isinstance(values, dict | list | tuple):
        yield above, values
        return
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        yield from leaves(value, f"{above}.{key}" if above else str(key))


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a header; floats keep all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def load_csv(
    path: Path, columns: dict[str, Callable[[str], Any]], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read these columns of a table as one mapping per row.

    Args:
        path: the file.
        columns: the type of each column.
        optional: columns of numbers that the table need not have.

    Raises:
        UserError: the file is missing, lacks a column, has a value of another type, or has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            columns = columns | {name: float for name in optional if name in (table.fieldnames or ())}
            rows = [{name: kind(row[name] or "") for name, kind in columns.items()} for row in table]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise unusable(path, error) from error
    if not rows:
        raise unusable(path, "no rows")
    return rows


def unusable(path: Path, why: object) -> UserError:
    """Return the error for a stage's output that is missing or damaged."""
    if isinstance(why, OSError) and why.strerror:
        why = why.strerror
    reason = "missing" if why == os.strerror(errno.ENOENT) else f"cannot be used: {one_line(why)}"
    return UserError(f"{path}: {reason}; to create it: dvc repro")

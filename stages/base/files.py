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


class Written(BaseModel):
    """What a stage writes into a JSON file, and others read there: `model_dump` has the order of the fields."""

    model_config = ConfigDict(frozen=True, strict=True)


Schema = TypeVar("Schema", bound=Written)


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; a NaN or infinity is refused with ValueError, since no JSON reader need take it."""
    path.write_text(as_json(values), encoding="utf-8")


def as_json(values: dict[str, Any]) -> str:
    """What `save_json` writes."""
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def load_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read what `save_json` wrote, with these keys at least.

    Raises:
        UserError: the file is absent or holds something else.
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
    """Read what `save_json` wrote of such values.

    Raises:
        UserError: the file is absent or holds something else.
    """
    values = load_json(path)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise unusable(path, faults(error, schema)[0]) from error


def leaves(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The values in nested mappings and lists, by names as in `dvc exp show`: test.macro_f1."""
    if not isinstance(values, dict | list | tuple):
        yield above, values
        return
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        yield from leaves(value, f"{above}.{key}" if above else str(key))


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a header; floats with all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def load_csv(path: Path, columns: dict[str, Callable[[str], Any]]) -> list[dict[str, Any]]:
    """Read these columns of a table, each with its type, as one mapping a row.

    Raises:
        UserError: the file is absent, or not a table with such columns and at least one row.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: kind(row[name] or "") for name, kind in columns.items()} for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise unusable(path, error) from error
    if not rows:
        raise unusable(path, "no rows")
    return rows


def unusable(path: Path, why: object) -> UserError:
    """The error for a file that a stage makes and that is missing or no longer what the stage made."""
    if isinstance(why, OSError) and why.strerror:
        why = why.strerror
    reason = "not there" if why == os.strerror(errno.ENOENT) else f"cannot be used: {one_line(why)}"
    return UserError(f"{path}: {reason}; to make it: dvc repro")

"""The files that one stage writes and another reads. Equal contents give equal bytes: no times, no paths."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from stages.base.errors import UserError, one_line


class JsonFile(BaseModel):
    """The values of a JSON file that a stage writes; `model_dump` has the order of the fields."""

    model_config = ConfigDict(frozen=True, strict=True)


Schema = TypeVar("Schema")


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; raise ValueError for a NaN or infinity, which JSON does not have."""
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def load_json(path: Path, schema: type[Schema] = dict) -> Schema:
    """Read what `save_json` wrote, as a `JsonFile` or a type such as `dict[str, float]`.

    Raises:
        UserError: the file is missing or not valid JSON, or a value does not fit the schema.
    """
    try:
        return TypeAdapter(schema).validate_json(path.read_bytes())
    except OSError as error:
        raise unusable(path, error) from error
    except ValidationError as error:
        wrong = (": ".join(map(str, (*each["loc"], each["msg"]))) for each in error.errors())
        raise unusable(path, "; ".join(wrong)) from error


def save_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table with a header; floats keep all their digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def load_csv(
    path: Path, columns: dict[str, Callable[[str], Any]], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read columns of these types as one mapping per row; the table may lack `optional` columns, which are numbers.

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
    reason = "missing" if isinstance(why, FileNotFoundError) else f"cannot be used: {one_line(why)}"
    return UserError(f"{path}: {reason}; to create it: dvc repro")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in the folders below it, sorted, without hidden names such as .DS_Store.

    Raises:
        UserError: a folder is a symbolic link.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif path.is_symlink():
            raise UserError(f"{path}: must not be a link to a folder (DVC does not follow it); move the folder here")
        else:
            yield from files_below(path)

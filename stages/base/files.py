"""The files that one stage writes and another reads. Equal contents give equal bytes: no times, no paths."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from stages.base.errors import UserError, one_line
from stages.base.yaml_files import mistakes


class JsonFile(BaseModel):
    """The values of a JSON file that a stage writes; `model_dump` has the order of the fields."""

    model_config = ConfigDict(frozen=True, strict=True)


Schema = TypeVar("Schema", bound=JsonFile)


def save_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON; raise ValueError for a NaN or infinity, which JSON does not have."""
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def load_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read what `save_json` wrote.

    Raises:
        UserError: the file is missing or not valid JSON, or lacks one of the keys.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error
    if missing := set(keys).difference(values):
        raise unusable(path, f"{min(missing)} is missing")
    return values


def load(path: Path, schema: type[Schema]) -> Schema:
    """Read what `save_json` wrote, and check it against a schema.

    Raises:
        UserError: the file is missing or not valid JSON, or a value does not fit the schema.
    """
    try:
        return schema.model_validate(load_json(path))
    except ValidationError as error:
        raise unusable(path, mistakes(error, schema)) from error


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
        UserError: a folder is a symbolic link. DVC does not see changes behind it.
        OSError: a folder cannot be read.
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

"""YAML files that people edit, checked against a pydantic model; one line names every mistake."""

import difflib
import re
import reprlib
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stages.base.errors import UserError, one_line

Model = TypeVar("Model", bound=BaseModel)


class Checked(BaseModel):
    """The keys and values of a YAML file; no other key is valid."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read a file and check it.

    Raises:
        UserError: the file cannot be read, or a value in it is wrong; one line names every wrong value.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: not UTF-8, or a date such as 2024-13-45
        raise UserError(f"{path}: cannot be read: {one_line(error)}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be a mapping of keys to values, got {reprlib.repr(values)}")
    return checked(values, model, path)


def checked(values: object, model: type[Model], where: object) -> Model:
    """Check values from a file or elsewhere; raise UserError with one line that names every wrong value."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        mistakes = "; ".join(_describe(each, model.model_fields) for each in error.errors())
        raise UserError(f"{where}: {mistakes}") from None


def _describe(error: dict[str, Any], fields: dict[str, Any]) -> str:
    key = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden" | "invalid_key":
            near = difflib.get_close_matches(key, list(fields), n=1)
            return f"unknown key {reprlib.repr(key)}" + (f", did you mean {near[0]}?" if near else "")
        case "value_error":  # raised by a validator of several values together
            return str(error["ctx"]["error"])
    # Pydantic's words without its reason: "Input should be a valid integer, got a number with a fractional part".
    expected = re.sub(", (got|unable to) .*", "", error["msg"].replace("Input should", "must"))
    if key in fields and NoneType in get_args(fields[key].annotation):
        expected += " or null"
    return f"{key}: {expected}, got {reprlib.repr(error['input'])}"

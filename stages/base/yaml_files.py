"""YAML files that people edit: read, and checked against a model of what they may say."""

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
    """What such a file may say: nothing else, and it stays as it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# What pydantic says of a value of the wrong kind, in fewer words; and how it begins to say anything else.
WRONG_KIND = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    "int_parsing_size": "must be a smaller whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
}
WORDS = {r"^\w+ should": "must", "greater than or equal to": "at least", "less than or equal to": "at most"}


def read_yaml(path: Path, model: type[Model]) -> Model:
    """Read a file and check it.

    Raises:
        UserError: it cannot be read, or a value in it is wrong; one line names every wrong value.
    """
    return checked(load_mapping(path), model, path)


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a file, and check no more than that it maps keys to values.

    Raises:
        UserError: it cannot be read, or does not.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not there; run this from the root of the project") from None
    # ValueError: bytes that are no UTF-8, or a date such as 2024-13-45. RecursionError: ten thousand brackets.
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read: {one_line(error)}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be a mapping of keys to values, got {reprlib.repr(values)}")
    return values


def read_value(text: str, where: str) -> Any:  # noqa: ANN401
    """A value as it would stand in a file: "null" is None.

    Raises:
        UserError: it could not stand there.
    """
    try:
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError):
        raise UserError(f"{where}: must be a value, got {text!r}") from None


def checked(values: dict[str, Any], model: type[Model], where: object) -> Model:
    """Check values that stand in a file or elsewhere.

    Raises:
        UserError: a value is wrong; one line says where and names every wrong value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: " + "; ".join(faults(error, model))) from None


def faults(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """What pydantic found wrong, in words for the person at the keyboard."""
    return [_describe(each, model) for each in error.errors()]


def _describe(error: dict[str, Any], model: type[BaseModel]) -> str:
    place = ".".join(map(str, error["loc"]))
    match error["type"]:
        case "missing":
            return f"{place} is missing"
        case "extra_forbidden":
            near = difflib.get_close_matches(place, list(model.model_fields), n=1)
            return f"unknown key {reprlib.repr(place)}" + (f", did you mean {near[0]}?" if near else "")
        case "invalid_key":
            return f"unknown key {reprlib.repr(error['input'])}"
        case "value_error":  # of several values together
            return str(error["ctx"]["error"])
        case kind:
            must = WRONG_KIND.get(kind, error["msg"])
            for theirs, ours in WORDS.items():
                must = re.sub(theirs, ours, must)
            if place in model.model_fields and NoneType in get_args(model.model_fields[place].annotation):
                must += " or empty (null)"
            return f"{place}: {must}, got {reprlib.repr(error['input'])}"

"""params.yaml, read and checked."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError
from pydantic_core import PydanticCustomError

from stages.core.errors import UserError

PARAMS_FILE = Path("params.yaml")


def _refuse_boolean(value: Any) -> Any:  # noqa: ANN401
    # pydantic takes True for 1; `dropout: false` would silently mean 0.0. Numeric strings stay welcome:
    # `dvc exp run -S learning_rate=0.00001` writes 1e-05, which PyYAML reads as a string.
    if isinstance(value, bool):
        raise PydanticCustomError("boolean", "Input should be a number")
    return value


Integer = Annotated[int, BeforeValidator(_refuse_boolean)]
Number = Annotated[float, BeforeValidator(_refuse_boolean)]
Seed = Annotated[Integer, Field(ge=0, lt=2**32)]  # what NumPy, scikit-learn and Keras all take

Monitor = Literal["loss", "accuracy", "val_loss", "val_accuracy"]


class Params(BaseModel):
    """The knobs of the pipeline; params.yaml says what each one does."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    dataset: Literal["fashion_mnist", "digits"]
    val_size: Annotated[Number, Field(gt=0, lt=1)]
    split_seed: Seed
    limit: Annotated[Integer, Field(ge=10)] | None

    hidden_units: Annotated[Integer, Field(ge=1)]
    dropout: Annotated[Number, Field(ge=0, lt=1)]

    optimizer: Literal["sgd", "adam", "adamw", "nadam", "rmsprop"]
    learning_rate: Annotated[Number, Field(gt=0)]
    batch_size: Annotated[Integer, Field(ge=1)]
    epochs: Annotated[Integer, Field(ge=1, le=100_000)]
    seed: Seed

    monitor: Monitor
    patience: Annotated[Integer, Field(ge=1)] | None
    min_delta: Annotated[Number, Field(ge=0)]
    restore_best_weights: StrictBool
    save_best_only: StrictBool


def _describe(error: dict[str, Any]) -> str:
    key = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{key} is missing"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Params.model_fields, n=1)
        return f"unknown key {key}" + (f", did you mean {near[0]}?" if near else "")
    return f"{key}: {error['msg'].replace('Input should', 'must', 1)}, got {error['input']!r}"


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        UserError: the file cannot be read, or a value in it is wrong; one line names every wrong value.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must be a mapping of keys to values, got {values!r}")
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{path}: " + "; ".join(map(_describe, error.errors()))) from None

"""The parameters in params.yaml: their types, ranges and valid combinations."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from stages.base.errors import UserError
from stages.base.yaml_files import Checked, read_yaml

PARAMS_FILE = Path("params.yaml")

Monitor = Literal["loss", "accuracy", "val_loss", "val_accuracy"]
METRICS: tuple[str, ...] = get_args(Monitor)  # of an epoch, in the order of plots/history.csv
Logs = dict[str, float]  # METRICS of one epoch

LEAST_SIZE = {"cnn": 4}  # pixels in width and height: each pooling halves them

# The parameters that only dataset images uses, with their defaults. With another data set they must have these values,
# or a run on Fashion-MNIST would look like a run on the pictures in image_dir.
OF_A_FOLDER = {
    "image_dir": "data/examples",
    "image_size": 28,
    "color_mode": "grayscale",
    "test_size": 0.2,
    "skip_unreadable": False,
}


def _refuse_boolean(value: object) -> object:
    # Pydantic would read `dropout: false` as 0. It should read strings as numbers, because PyYAML reads 1e-05, which
    # `dvc exp run -S learning_rate=0.00001` writes, as a string.
    if isinstance(value, bool):
        raise PydanticCustomError("boolean", "Input should be a number")
    return value


def _empty(value: object) -> object:
    return None if value == "" else value  # `dvc exp run -S patience=` writes ""


Integer = Annotated[int, BeforeValidator(_refuse_boolean)]
Number = Annotated[float, BeforeValidator(_refuse_boolean)]
Patience = Annotated[Annotated[Integer, Field(ge=1)] | None, BeforeValidator(_empty)]  # in epochs; None: forever
Seed = Annotated[Integer, Field(ge=0, lt=2**32)]  # the range of NumPy, scikit-learn and Keras


class DataParams(Checked):
    """The parameters that select and split the images."""

    dataset: Literal["fashion_mnist", "sample", "images"]
    image_dir: Annotated[str, Field(min_length=1)]
    image_size: Annotated[Integer, Field(ge=1, le=512)]
    color_mode: Literal["grayscale", "rgb"]
    test_size: Annotated[Number, Field(gt=0, lt=1)]
    skip_unreadable: StrictBool
    val_size: Annotated[Number, Field(gt=0, lt=1)]
    split_seed: Seed
    limit: Annotated[Annotated[Integer, Field(ge=2)] | None, BeforeValidator(_empty)]

    def used(self) -> dict[str, Any]:
        """Return the parameters and their values, without those that this data set does not use."""
        values = self.model_dump()
        return {name: value for name, value in values.items() if self.dataset == "images" or name not in OF_A_FOLDER}


class TrainingParams(Checked):
    """The parameters of the model, of its training, of early stopping and of the checkpoint."""

    network: Literal["dense", "cnn"]
    hidden_units: Annotated[Integer, Field(ge=1, le=10_000)]
    dropout: Annotated[Number, Field(ge=0, lt=1)]

    optimizer: Literal["sgd", "adam", "adamw", "nadam", "rmsprop"]
    learning_rate: Annotated[Number, Field(gt=0)]
    batch_size: Annotated[Integer, Field(ge=1)]
    epochs: Annotated[Integer, Field(ge=1, le=100_000)]
    lr_patience: Patience
    lr_factor: Annotated[Number, Field(gt=0, lt=1)]
    seed: Seed

    monitor: Monitor
    patience: Patience
    min_delta: Annotated[Number, Field(ge=0, le=1e9)]  # Keras compares in float32
    restore_best_weights: StrictBool
    save_best_only: StrictBool

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        if self.lr_patience and self.patience and self.lr_patience >= self.patience:
            raise ValueError(
                f"lr_patience: must be below patience, {self.patience}, or training ends before the learning rate can "
                f"fall, got {self.lr_patience}"
            )
        return self


class Params(TrainingParams, DataParams):
    """All parameters of the pipeline; params.yaml explains each one."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for name, default in OF_A_FOLDER.items():
            received = getattr(self, name)
            if received != default and self.dataset != "images":
                raise ValueError(
                    f"{name}: used only with dataset: images, but dataset is {self.dataset}; "
                    f"set dataset=images, or reset {name} to {written(default)}, got {written(received)}"
                )
        if self.dataset == "images" and self.image_size < (least := LEAST_SIZE.get(self.network, 1)):
            raise ValueError(f"image_size: must be at least {least} for network {self.network}, got {self.image_size}")
        return self


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check a parameter file, see `read_yaml`."""
    try:
        return read_yaml(path, Params)
    except UserError as error:
        raise UserError(f"{error}; correct it, or return to the last commit: make back") from None


def in_words(params: Params, names: Iterable[str]) -> str:
    """Return the values of these parameters: "dropout 0.3, patience none"."""
    return ", ".join(f"{name} {written(getattr(params, name))}" for name in names) or "all as committed"


def written(value: object, none: str = "none") -> str:
    """Return a parameter's value as text: 0 for 0.0, true for True, and `none` for an empty one."""
    if value is None:
        return none
    if isinstance(value, float) and float(short := f"{value:g}") == value:
        return short
    return value if isinstance(value, str) else str(value).lower()

"""params.yaml, read and checked."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from stages.base.yaml_files import Checked, read_yaml

PARAMS_FILE = Path("params.yaml")

Monitor = Literal["loss", "accuracy", "val_loss", "val_accuracy"]
METRICS: tuple[str, ...] = get_args(Monitor)  # of an epoch, in the order of plots/history.csv
Logs = dict[str, float]  # METRICS of one epoch

# How many images a data set has for training and validation, where that is known beforehand: so that `check` can refuse
# what will not fit together without loading any. A test holds it against the data.
IMAGES = {"fashion_mnist": 60_000, "digits": 1_437}

LEAST_SIZE = {"cnn": 4}  # of an image, in pixels: each pooling leaves half

# What dataset: images alone looks at, and what it is where nobody has set it. With another data set it must be that, or
# a run on Fashion-MNIST would pass for one on the pictures in image_dir.
OF_A_FOLDER = {
    "image_dir": "data/examples",
    "image_size": 28,
    "color_mode": "grayscale",
    "test_size": 0.2,
    "skip_unreadable": False,
}


def _refuse_boolean(value: Any) -> Any:  # noqa: ANN401
    # pydantic takes True for 1; `dropout: false` would silently mean 0.0. Numeric strings stay welcome:
    # `dvc exp run -S learning_rate=0.00001` writes 1e-05, which PyYAML reads as a string.
    if isinstance(value, bool):
        raise PydanticCustomError("boolean", "Input should be a number")
    return value


def _empty(value: Any) -> Any:  # noqa: ANN401
    # What `dvc exp run -S patience=` writes.
    return None if value == "" else value


Integer = Annotated[int, BeforeValidator(_refuse_boolean)]
Number = Annotated[float, BeforeValidator(_refuse_boolean)]
Seed = Annotated[Integer, Field(ge=0, lt=2**32)]  # what NumPy, scikit-learn and Keras all take


class DataParams(Checked):
    """The knobs that decide which images there are."""

    dataset: Literal["fashion_mnist", "digits", "images"]
    image_dir: Annotated[str, Field(min_length=1)]
    image_size: Annotated[Integer, Field(ge=1, le=512)]
    color_mode: Literal["grayscale", "rgb"]
    test_size: Annotated[Number, Field(gt=0, lt=1)]
    skip_unreadable: StrictBool
    val_size: Annotated[Number, Field(gt=0, lt=1)]
    split_seed: Seed
    limit: Annotated[Annotated[Integer, Field(ge=2)] | None, BeforeValidator(_empty)]

    def used(self) -> dict[str, Any]:
        """The parameters and their values, but for those that this data set does not look at."""
        values = self.model_dump()
        return {name: value for name, value in values.items() if self.dataset == "images" or name not in OF_A_FOLDER}

    def of_images(self) -> dict[str, Any]:
        """Those of them that decide which images there are."""
        return {name: value for name, value in self.used().items() if name in DataParams.model_fields}


class TrainingParams(Checked):
    """The knobs of the model, of its training, and of when that ends and what is kept."""

    network: Literal["dense", "cnn"]
    hidden_units: Annotated[Integer, Field(ge=1, le=10_000)]
    dropout: Annotated[Number, Field(ge=0, lt=1)]

    optimizer: Literal["sgd", "adam", "adamw", "nadam", "rmsprop"]
    learning_rate: Annotated[Number, Field(gt=0)]
    batch_size: Annotated[Integer, Field(ge=1)]
    epochs: Annotated[Integer, Field(ge=1, le=100_000)]
    lr_patience: Annotated[Annotated[Integer, Field(ge=1)] | None, BeforeValidator(_empty)]
    lr_factor: Annotated[Number, Field(gt=0, lt=1)]
    seed: Seed

    monitor: Monitor
    patience: Annotated[Annotated[Integer, Field(ge=1)] | None, BeforeValidator(_empty)]
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
    """The knobs of the pipeline; params.yaml says what each one does."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        odd = [name for name, usual in OF_A_FOLDER.items() if getattr(self, name) != usual]
        if odd and self.dataset != "images":
            back, got = ([written(of[name]) for name in odd] for of in (OF_A_FOLDER, dict(self)))
            raise ValueError(
                f"{', '.join(odd)}: only dataset images looks there, and dataset is {self.dataset}; set that too "
                f"(dataset=images), or this back to {', '.join(back)}, got {', '.join(got)}"
            )
        if self.dataset == "images" and self.image_size < (least := LEAST_SIZE.get(self.network, 1)):
            raise ValueError(f"image_size: must be at least {least} for network {self.network}, got {self.image_size}")
        if known := IMAGES.get(self.dataset):
            self.training_images(known)
        return self

    def training_images(self, images: int) -> int:
        """How many are left for training of so many for training and validation.

        Raises:
            ValueError: none.
        """
        images = min(self.limit or math.inf, images)
        training = images - math.ceil(self.val_size * images)  # scikit-learn's rounding
        if not training:
            raise ValueError(f"val_size: must leave an image for training, got {self.val_size} of {images} images")
        return training


def read_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check a parameter file.

    Raises:
        UserError: the file cannot be read, or a value in it is wrong; one line names every wrong value.
    """
    return read_yaml(path, Params)


def in_words(params: Params, names: Iterable[str]) -> str:
    """The values of these parameters: "dropout 0.3, patience none"."""
    return ", ".join(f"{name} {written(getattr(params, name))}" for name in names) or "all as committed"


def written(value: object, none: str = "none") -> str:
    """A parameter's value: 0 and not 0.0, true and not True, and `none` for an empty one."""
    if value is None:
        return none
    short = f"{value:g}" if isinstance(value, float) else ""
    return short if short and float(short) == value else str(value).lower()

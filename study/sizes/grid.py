"""Read and check study/sizes.yaml."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, StrictBool

from stages.base.params import Integer, Number
from stages.base.yaml_files import Checked, read_yaml
from study.wording import Titled, Wording

GRID = Path("study/sizes.yaml")
TABLES = {kind: Path(f"study/sizes/{kind}.csv") for kind in ("dense", "cnn")}

# The measured values of a training: its number of epochs, and the kept and the last of them.
MEASURED = ("epochs", "kept_epoch", "kept_val_loss", "kept_val_accuracy", "last_val_loss", "last_val_accuracy")
Value = Literal["kept_val_loss", "kept_val_accuracy", "last_val_loss", "last_val_accuracy"]


class Cell(NamedTuple):
    """A network, a number of training images and a dropout rate: a training without its seed."""

    network: str  # a key of `Grid.networks`
    images: int  # the number of training images
    dropout: float


class Subject(Titled):
    """A network with its parameters, and the rates, numbers of images and seeds with which it is trained."""

    rates: Annotated[list[Annotated[Number, Field(gt=0, lt=1)]], Field(min_length=1)]  # of dropout, beside 0
    images: Annotated[list[Annotated[Integer, Field(ge=1)]], Field(min_length=1)]
    seeds: Annotated[Integer, Field(ge=2)]


class Claim(Checked):
    """A comparison of a value with and without dropout, for each network, rate and number of images."""

    claim: Wording
    value: Value
    early_stopping: StrictBool
    panel: str | None = None  # the title of its part of the figure

    @property
    def pays(self) -> Literal["lower", "higher"]:
        """On which side the value lies if dropout pays."""
        return "lower" if self.value.endswith("loss") else "higher"


class Grid(Checked):
    """The networks and the claims."""

    shared: dict[str, Any]  # merged into each network by YAML itself
    networks: Annotated[dict[str, Subject], Field(min_length=1)]
    claims: Annotated[list[Claim], Field(min_length=1)]

    def of_kind(self, kind: str) -> dict[str, Subject]:
        """Return the networks of a kind, `dense` or `cnn`; each kind has its own table and families."""
        return {name: subject for name, subject in self.networks.items() if subject.network == kind}

    def runs(self, kind: str) -> Iterator[tuple[int, Cell]]:
        """Yield each seed with each cell, seed by seed."""
        networks = self.of_kind(kind)
        for seed in range(1, max((subject.seeds for subject in networks.values()), default=0) + 1):
            for name, subject in networks.items():
                if seed <= subject.seeds:
                    for images in subject.images:
                        yield from ((seed, Cell(name, images, dropout)) for dropout in (0.0, *subject.rates))


def read_grid() -> Grid:
    """Read the file; raise UserError for a wrong value."""
    return read_yaml(GRID, Grid)

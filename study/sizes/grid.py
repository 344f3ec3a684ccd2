"""study/sizes.yaml, read and checked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, StrictBool, model_validator

from stages.base.params import Integer, Number, TrainingParams
from stages.base.yaml_files import Checked, read_yaml

GRID = Path("study/sizes.yaml")
OF_A_NETWORK = ("title", "dropout", "images", "seeds")  # of its row; the rest are parameters

# what is measured of a training
MEASURED = ("epochs", "kept_epoch", "kept_val_loss", "kept_val_accuracy", "last_val_loss", "last_val_accuracy")
Value = Literal["kept_val_loss", "kept_val_accuracy", "last_val_loss", "last_val_accuracy"]


class Cell(NamedTuple):
    """What differs from one training to the next, but for the seed."""

    network: str  # as in `Grid.networks`
    images: int  # for training
    dropout: float


class Subject(Checked):
    """A network, and what it is trained on and with; without dropout too."""

    title: str
    dropout: Annotated[list[Annotated[Number, Field(gt=0, lt=1)]], Field(min_length=1)]
    images: Annotated[list[Annotated[Integer, Field(ge=1)]], Field(min_length=1)]
    seeds: Annotated[Integer, Field(ge=2)]
    params: TrainingParams  # of the training without dropout; `seed` is set for each run

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        for name in ("dropout", "images"):
            values = getattr(self, name)
            if values != sorted(set(values)):
                raise ValueError(f"{name}: must be in rising order, once each, got {values}")
        return self


class Claim(Checked):
    """A value with dropout beside that without, for each network, rate and number of images."""

    claim: str
    value: Value
    early_stopping: StrictBool
    panel: str | None = None  # the title of its part of the figure

    @property
    def pays(self) -> Literal["lower", "higher"]:
        """What such a value is with dropout, where dropout pays."""
        return "lower" if self.value.endswith("loss") else "higher"


class Grid(Checked):
    """The networks and the claims."""

    networks: Annotated[dict[str, Subject], Field(min_length=1)]
    claims: Annotated[list[Claim], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _merge(cls, values: Any) -> Any:  # noqa: ANN401
        """Give each network what all share."""
        if not isinstance(values.get("networks"), dict) or not isinstance(values.get("shared", {}), dict):
            return values
        common = {name: values.pop(name) for name in ("epochs", "patience") if name in values}
        common |= values.pop("shared", {})
        rows = {}
        for name, row in values["networks"].items():
            if not isinstance(row, dict):
                return values
            own = {key: value for key, value in row.items() if key not in OF_A_NETWORK}
            rows[name] = {key: row[key] for key in OF_A_NETWORK if key in row}
            rows[name] |= {"params": {"seed": 0, "dropout": 0} | common | own}
        return values | {"networks": rows}

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if any(subject.params.patience is None for subject in self.networks.values()):
            raise ValueError("patience: must be a number, since early stopping is asked about")
        claims = [claim.claim for claim in self.claims]
        if twice := [claim for claim in claims if claims.count(claim) > 1]:
            raise ValueError(f"claims: must be there once each, got {twice[0]!r} twice")
        return self

    def kinds(self) -> list[str]:
        """The functions that make the networks: each is trained in processes of its own, and has a table of its own."""
        return list(dict.fromkeys(subject.params.network for subject in self.networks.values()))

    def of_kind(self, kind: str) -> dict[str, Subject]:
        """The networks that this function makes."""
        return {name: subject for name, subject in self.networks.items() if subject.params.network == kind}

    def runs(self, kind: str) -> Iterator[tuple[int, Cell]]:
        """Each seed with each cell, seed by seed."""
        networks = self.of_kind(kind)
        for seed in range(1, max(subject.seeds for subject in networks.values()) + 1):
            for name, subject in networks.items():
                if seed <= subject.seeds:
                    for images in subject.images:
                        yield from ((seed, Cell(name, images, dropout)) for dropout in (0.0, *subject.dropout))


def read_grid() -> Grid:
    """Read the file.

    Raises:
        UserError: it cannot be read, or a value in it is wrong.
    """
    return read_yaml(GRID, Grid)

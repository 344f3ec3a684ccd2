"""study/notes.yaml, read and checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stages.base.params import Integer, TrainingParams
from stages.base.yaml_files import Checked, read_yaml

DESIGN = Path("study/notes.yaml")

Value = Literal[
    "gap", "plotted_distance", "epochs", "loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy"
]


class Training(Checked):
    """One row: a title, and parameters; `seed` is set for each run."""

    title: str
    params: TrainingParams


class Claim(Checked):
    """A value of one training beside that of another, paired by seed."""

    claim: str
    of: str
    beside: str
    value: Value
    less: str
    more: str


class Study(Checked):
    """The trainings and the claims."""

    seeds: Annotated[Integer, Field(ge=2)]
    trainings: dict[str, Training]
    claims: Annotated[list[Claim], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _merge(cls, values: Any) -> Any:  # noqa: ANN401
        """Give each row what all rows share."""
        shared, trainings = values.pop("shared", {}), values.get("trainings")
        if isinstance(shared, dict) and isinstance(trainings, dict):
            for name, row in trainings.items():
                if isinstance(row, dict):
                    title = row.pop("title", name)
                    trainings[name] = {"title": title, "params": {"seed": 0, **shared, **row}}
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if all(training.params.patience for training in self.trainings.values()):
            raise ValueError("trainings: must have one without early stopping (patience: null)")
        for number, claim in enumerate(self.claims):
            if unknown := {claim.of, claim.beside} - set(self.trainings):
                raise ValueError(f"claims: {claim.claim!r} is of a training that is not there: {', '.join(unknown)}")
            if claim.claim in [other.claim for other in self.claims[:number]]:
                raise ValueError(f"claims: must be there once each, got {claim.claim!r} twice")
        return self


def read_design() -> Study:
    """Read the file.

    Raises:
        UserError: it cannot be read, or a value in it is wrong.
    """
    return read_yaml(DESIGN, Study)

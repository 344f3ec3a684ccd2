"""study/notes.yaml, read and checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from stages.base.params import Integer, TrainingParams
from stages.base.yaml_files import Checked, read_yaml
from study.wording import Wording

DESIGN = Path("study/notes.yaml")

Value = Literal[
    "gap", "plotted_distance", "epochs", "loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy"
]


class Row(TrainingParams):
    """A training: a title and parameters; `seed` is replaced for each run."""

    title: Wording

    def params(self, seed: int) -> TrainingParams:
        """Return the parameters with a seed."""
        return TrainingParams(**self.model_dump(exclude={"title"}) | {"seed": seed})


class Claim(Checked):
    """A value of one training compared with that of another, paired by seed."""

    claim: Wording
    of: str
    beside: str
    value: Value
    less: Wording  # what a significantly lower value means
    more: Wording


class Study(Checked):
    """The trainings and the claims."""

    seeds: Annotated[Integer, Field(ge=2)]
    shared: dict[str, Any]  # merged into each training by YAML itself
    trainings: dict[str, Row]
    claims: Annotated[list[Claim], Field(min_length=1)]

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if all(row.patience for row in self.trainings.values()):
            raise ValueError("trainings: must have one without early stopping (patience: null)")
        for claim in self.claims:
            if unknown := {claim.of, claim.beside} - set(self.trainings):
                raise ValueError(f"claims: {claim.claim.en!r} names an unknown training: {', '.join(unknown)}")
        names = [claim.claim.en for claim in self.claims]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"claims: must be unique, got {twice[0]!r} twice")
        return self


def read_design() -> Study:
    """Read the file.

    Raises:
        UserError: it cannot be read, or a value in it is wrong.
    """
    return read_yaml(DESIGN, Study)

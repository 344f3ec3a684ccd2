"""Read and check study/notes.yaml."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from stages.base.params import Integer
from stages.base.yaml_files import Checked, read_yaml
from study.wording import Titled, Wording

DESIGN = Path("study/notes.yaml")

# Those of a training, and two differences of losses: see `study.notes.findings.values_of`.
Value = Literal[
    "epochs", "kept_epoch", "loss", "val_loss", "test_loss", "accuracy", "val_accuracy", "test_accuracy",
    "gap", "plotted_distance",
]  # fmt: skip


class Claim(Checked):
    """A comparison of a value between two trainings, paired by seed."""

    claim: Wording
    of: str  # a training
    beside: str  # the training to compare it with
    value: Value
    less: Wording  # what a significantly lower value means
    more: Wording


class Study(Checked):
    """The trainings and the claims."""

    seeds: Annotated[Integer, Field(ge=2)]
    shared: dict[str, Any]  # merged into each training by YAML itself
    trainings: dict[str, Titled]  # `seed` is replaced for each run
    claims: Annotated[list[Claim], Field(min_length=1)]


def read_design() -> Study:
    """Read the file; raise UserError for a wrong value."""
    return read_yaml(DESIGN, Study)

"""A table of all experiments, of whatever commit, the lowest validation loss first: `make experiments`.

`dvc exp show` has every column, but also those that failed, and those of which the parameters are not what was run.
"""

import sys

from rich.console import Console
from rich.table import Column, Table

from stages.base.errors import UserError
from stages.base.params import Params, written
from stages.base.process import run
from stages.experiments.records import Experiment, committed_params, succeeded


def table(experiments: list[Experiment], committed: Params) -> Table:
    """What was varied comes first, since names are long; at 80 columns all of it is in view."""
    varied = [
        name
        for name in Params.model_fields
        if any(getattr(each.params, name) != getattr(committed, name) for each in experiments)
    ]
    name = Column("experiment", overflow="fold")  # whole, since `dvc exp apply` takes it
    others = (Column(head, no_wrap=True) for head in (*varied, "val_loss", "commit"))
    shown = Table(*others, name, box=None, pad_edge=False, collapse_padding=True)
    for each in sorted(experiments, key=lambda each: each.metrics["val_loss"]):
        values = (written(getattr(each.params, name)) for name in varied)
        shown.add_row(*values, f"{each.metrics['val_loss']:.4f}", each.commit[:7], each.name)
    return shown


def main() -> None:
    """DVC's experiments -> a table on the terminal."""
    experiments, notes = succeeded()
    if not experiments and not notes:
        raise UserError("experiments: none is there that succeeded; to run one: dvc exp run -S dropout=0.5")
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    console.print(table(experiments, committed_params()))
    for note in notes:
        console.print(f"\n{note}", markup=False)


if __name__ == "__main__":
    run(main)

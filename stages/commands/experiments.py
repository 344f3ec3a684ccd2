"""A table of all experiments, the lowest validation loss first: `make experiments`.

`dvc exp show` has every column, but also those that failed, and those of which the parameters are not what was run.
"""

import sys

from rich.console import Console
from rich.table import Table

from stages.base.errors import UserError
from stages.base.params import Params, written
from stages.base.process import run
from stages.experiments.records import committed_params, succeeded


def main() -> None:
    """DVC's experiments -> a table on the terminal."""
    committed = committed_params()
    experiments, notes = succeeded()
    if not experiments and not notes:
        raise UserError("experiments: none is there that succeeded; to run one: dvc exp run -S dropout=0.5")
    rows = sorted(experiments, key=lambda each: each.metrics["val_loss"])
    varied = [
        name
        for name in Params.model_fields
        if any(getattr(each.params, name) != getattr(committed, name) for each in rows)
    ]
    table = Table("Experiment", "val_loss", *varied, box=None)
    for each in rows:
        values = (written(getattr(each.params, name)) for name in varied)
        table.add_row(each.name, f"{each.metrics['val_loss']:.4f}", *values)
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    console.print(table)
    for note in notes:
        console.print(f"\n{note}", markup=False)


if __name__ == "__main__":
    run(main)

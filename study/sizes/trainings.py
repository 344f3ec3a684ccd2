"""Train all networks of study/sizes.yaml: `python -m study.sizes.trainings`. Takes hours.

Its stage is frozen: DVC does not run it, and takes its tables as they are. After a change of sizes.yaml:

    python -m study.sizes.trainings && dvc commit --force study/dvc.yaml:sizes-trainings
"""

from collections.abc import Mapping, Sequence

from seeds import engine
from seeds.training import Training
from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.params import TrainingParams, written
from stages.base.process import outputs, run
from study.sizes.grid import TABLES, Cell, Grid, read_grid
from study.stopping import with_patience

# `kept` and `last` epoch, without early stopping and with it.
MEASURED = ("epochs", "kept_epoch", "kept_val_loss", "kept_val_accuracy", "last_val_loss", "last_val_accuracy")
COLUMNS = ("network", "images", "dropout", "seed", "early_stopping", *MEASURED)


def training(grid: Grid, seed: int, cell: Cell) -> Training:
    """Return the training of a cell, which nothing stops."""
    subject = grid.networks[cell.network].model_dump(include=set(TrainingParams.model_fields))
    return Training(TrainingParams(**subject | {"seed": seed, "dropout": cell.dropout, "patience": None}), cell.images)


def rows(cell: Cell, seed: int, params: TrainingParams, history: Mapping[str, Sequence[float]]) -> list[list]:
    """Return the two rows of a training that nothing stopped: without early stopping and with it.

    Args:
        cell: what was trained.
        seed: the seed.
        params: have the patience of early stopping.
        history: the recorded epochs.
    """
    found = []
    for patience in (None, params.patience):
        last, kept = with_patience(history, params.monitor, patience, params.min_delta)
        values = (history[name][epoch - 1] for epoch in (kept, last) for name in ("val_loss", "val_accuracy"))
        stops = written(patience is not None)
        found.append([cell.network, cell.images, written(cell.dropout), seed, stops, last, kept, *values])
    return found


def main() -> None:
    """study/sizes.yaml, data/prepared/ -> study/sizes/{dense,cnn}.csv."""
    inputs = Inputs("sizes-trainings", "study/dvc.yaml")
    grid = read_grid()
    runs = {kind: list(grid.runs(kind)) for kind in TABLES}
    asked = [(seed, cell) for of_kind in runs.values() for seed, cell in of_kind]
    with outputs(inputs) as begin:
        # Without the store: the epochs of all trainings would take 43 GB.
        done = engine.run([training(grid, seed, cell) for seed, cell in asked], store=False)
        results = dict(zip(asked, done, strict=True))
        for kind, path in TABLES.items():
            table = (
                row
                for seed, cell in runs[kind]
                for row in rows(cell, seed, grid.networks[cell.network], results[seed, cell].history)
            )
            save_csv(begin(path), COLUMNS, table)


if __name__ == "__main__":
    run(main)

"""Train all networks of study/sizes.yaml: `python -m study.sizes.trainings`. Takes hours.

Its stage is frozen: DVC uses its tables without running it. After a change of sizes.yaml:

    python -m study.sizes.trainings && dvc commit --force study/dvc.yaml:sizes-trainings
"""

from seeds import engine
from seeds.training import Training
from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.params import TrainingParams, written
from stages.base.process import outputs, run
from study.sizes.grid import MEASURED, TABLES, Cell, Grid, read_grid
from study.stopping import stop_early


def training(grid: Grid, seed: int, cell: Cell) -> Training:
    """Return the training of a cell with a seed, without early stopping."""
    return Training(grid.networks[cell.network].params(seed=seed, dropout=cell.dropout, patience=None), cell.images)


def rows(cell: Cell, seed: int, params: TrainingParams, history: dict[str, list[float]]) -> list[list]:
    """Return two rows for a training: as it ran, and stopped early with the patience of the parameters."""
    table = []
    for patience in (None, params.patience):
        stopped = stop_early(history, params.monitor, patience, params.min_delta)
        keys = [cell.network, cell.images, written(cell.dropout), seed, written(patience is not None)]
        table.append(keys + [stopped[name] for name in MEASURED])
    return table


def main() -> None:
    """study/sizes.yaml, data/prepared/ -> study/sizes/{dense,cnn}.csv."""
    inputs = Inputs("sizes-trainings", "study/dvc.yaml")
    grid = read_grid()
    with outputs(inputs) as begin:
        for kind, path in TABLES.items():
            runs = grid.runs(kind)
            # Without the store: the epochs of all trainings would take 43 GB.
            results = engine.run([training(grid, seed, cell) for seed, cell in runs], store=False)
            table = (
                row
                for (seed, cell), result in zip(runs, results, strict=True)
                for row in rows(cell, seed, grid.networks[cell.network], result.history)
            )
            save_csv(begin(path), ("network", "images", "dropout", "seed", "early_stopping", *MEASURED), table)


if __name__ == "__main__":
    run(main)

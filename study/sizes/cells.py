"""Train the networks of study/sizes.yaml of one kind: python -m study.sizes.cells dense."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from joblib import Parallel, cpu_count, delayed

from stages.base.errors import UserError
from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.params import TrainingParams
from stages.base.process import outputs, run, stop_if_unwanted
from study.sizes.grid import Cell, Subject, read_grid

Trained = TypeVar("Trained")

JOBS = min(cpu_count(), 4)  # a process takes less than a gigabyte


def main() -> None:
    """study/sizes.yaml, data/prepared/ -> study/sizes/dense.csv or cnn.csv."""
    grid = read_grid()
    if sys.argv[1:] not in [[kind] for kind in grid.kinds()]:
        raise UserError(f"say which networks: {' or '.join(grid.kinds())}")
    kind = sys.argv[1]
    inputs = Inputs(f"sizes-{kind}", "study/dvc.yaml", before="sizes-sample")

    from study.sizes.cell import COLUMNS, train_cell

    runs = list(grid.runs(kind))
    with outputs(inputs.stop_if_changed) as begin:
        start, rows, computed = time.perf_counter(), [], 0
        done = in_processes(train_cell, grid.of_kind(kind), runs)
        for seed, found in groupby(zip(runs, done, strict=True), key=lambda pair: pair[0][0]):
            new = 0
            for _, (of_cell, epochs) in found:
                stop_if_unwanted()
                rows.extend(of_cell)
                new += epochs
            computed += new
            print(f"{kind}, seed {seed} of {runs[-1][0]}: {new} epochs computed", flush=True)
        save_csv(begin(Path(f"study/sizes/{kind}.csv")), COLUMNS, rows)
    took = timedelta(seconds=round(time.perf_counter() - start))
    print(f"{len(runs)} trainings, {computed} epochs computed, the others read back, {took}, {JOBS} processes")


def in_processes(
    train: Callable[[TrainingParams, Cell, int], Trained],
    subjects: dict[str, Subject],
    runs: Iterable[tuple[int, Cell]],
) -> Iterator[Trained]:
    """What `train` makes of each seed and cell, in their order."""
    return Parallel(JOBS, return_as="generator")(
        delayed(train)(subjects[cell.network].params, cell, seed) for seed, cell in runs
    )


if __name__ == "__main__":
    run(main)

"""Train the networks of study/sizes.yaml of one kind: python -m study.sizes.cells dense."""

import sys
import time
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from stages.base.errors import UserError
from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.process import outputs, run, stop_if_unwanted
from study.sizes.grid import read_grid


def main() -> None:
    """study/sizes.yaml, data/prepared/ -> study/sizes/dense.csv or cnn.csv."""
    grid = read_grid()
    if sys.argv[1:] not in [[kind] for kind in grid.kinds()]:
        raise UserError(f"say which networks: {' or '.join(grid.kinds())}")
    kind = sys.argv[1]
    inputs = Inputs(f"sizes-{kind}", "study/dvc.yaml")

    from study.sizes.cell import COLUMNS, train_cell

    subjects, runs = grid.of_kind(kind), list(grid.runs(kind))
    with outputs(inputs.stop_if_changed) as begin:
        start, rows, computed = time.perf_counter(), [], 0
        jobs = min(cpu_count(), 4)  # a process takes less than a gigabyte
        done = Parallel(jobs, return_as="generator")(
            delayed(train_cell)(subjects[cell.network].params, cell, seed) for seed, cell in runs
        )
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
    print(f"{len(runs)} trainings, {computed} epochs computed, the others read back, {took}, {jobs} processes")


if __name__ == "__main__":
    run(main)

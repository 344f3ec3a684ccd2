"""Train a sample of what the study's second part trains: the first epochs of every network, rate and size, one seed.

All of it takes hours, so what trains all depends on this table instead of the sources. A change to them that alters no
bit leaves the table as it is, and DVC trains nothing anew; one that does alters at least a digest of the variables.
"""

from pathlib import Path

from joblib.externals.loky import get_reusable_executor

from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.process import outputs, run, stop_if_unwanted
from study.sizes.cells import in_processes
from study.sizes.grid import read_grid

EPOCHS, SEED = 3, 1
TABLE = Path("study/sizes/sample.csv")


def main() -> None:
    """study/sizes.yaml, data/prepared/ -> study/sizes/sample.csv."""
    grid = read_grid()
    inputs = Inputs("sizes-sample", "study/dvc.yaml")

    from study.sizes.cell import SAMPLE_COLUMNS, sample_cell

    with outputs(inputs.stop_if_changed) as begin:
        rows = []
        for kind in grid.kinds():
            subjects = {
                name: subject.model_copy(update={"params": subject.params.model_copy(update={"epochs": EPOCHS})})
                for name, subject in grid.of_kind(kind).items()
            }
            runs = [(seed, cell) for seed, cell in grid.runs(kind) if seed == SEED]
            for found in in_processes(sample_cell, subjects, runs):
                stop_if_unwanted()
                rows.extend(found)
            get_reusable_executor().shutdown()  # the next kind computes with another number of threads
        save_csv(begin(TABLE), SAMPLE_COLUMNS, rows)
    print(f"the first {EPOCHS} epochs of {len(rows) // 2} trainings with seed {SEED}")


if __name__ == "__main__":
    run(main)

"""Train all rows of the study with all seeds, several seeds at a time."""

import time
from datetime import timedelta
from itertools import chain
from pathlib import Path

from joblib import Parallel, cpu_count, delayed

from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.process import outputs, run, stop_if_unwanted
from study.notes.design import read_design


def main() -> None:
    """study/notes.yaml, data/prepared/ -> tables in study/notes/."""
    inputs = Inputs("notes-trainings", "study/dvc.yaml")
    study = read_design()
    trainings = {name: training.params for name, training in study.trainings.items()}
    seeds = range(1, study.seeds + 1)

    from study.notes.seed import HISTORY, PATIENCE, TRAININGS, train_all

    with outputs(inputs.stop_if_changed) as begin:
        start, rows = time.perf_counter(), []
        jobs = min(cpu_count(), 4, study.seeds)  # a process takes less than a gigabyte
        done = Parallel(jobs, return_as="generator")(delayed(train_all)(trainings, seed) for seed in seeds)
        for seed, found in zip(seeds, done, strict=True):
            stop_if_unwanted()
            rows.append(found)
            print(
                f"seed {seed} of {study.seeds}: {found.computed} epochs computed, {found.read_back} read back",
                flush=True,
            )
        for name, columns in (("trainings", TRAININGS), ("history", HISTORY), ("patience", PATIENCE)):
            table = chain.from_iterable(getattr(found, name) for found in rows)
            save_csv(begin(Path(f"study/notes/{name}.csv")), columns, table)
    took = timedelta(seconds=round(time.perf_counter() - start))
    computed, read_back = (sum(getattr(found, name) for found in rows) for name in ("computed", "read_back"))
    print(f"{computed} epochs computed, {read_back} read back, {took}, {jobs} processes")


if __name__ == "__main__":
    run(main)

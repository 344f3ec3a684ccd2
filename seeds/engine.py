"""Run trainings in parallel processes, here or on a Dask scheduler, and remember each finished one."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from joblib import cpu_count
from tqdm import tqdm

from seeds.cluster import workers
from seeds.training import Result, Training, end_with_parent, environment_here, key_of, train_group
from stages.base.errors import ProjectError, one_line
from stages.base.files import save_json
from stages.base.process import main_checkout

MEMORY = Path("models/.trainings")  # a file of a few kB per finished training; deleting it costs time only
JOBS = min(cpu_count(), 4)  # a process takes less than a gigabyte
# They decide when a training stops and which epoch it keeps, but not what an epoch computes.
STOPPING = ("patience", "epochs", "min_delta", "monitor", "restore_best_weights", "save_best_only")


def run(
    trainings: Sequence[Training], *, jobs: int = JOBS, scheduler: str | None = None, store: bool = True
) -> list[Result]:
    """Return the results of trainings, in their order; stored results are read back.

    The others are trained in `jobs` processes, or by the workers of a Dask scheduler such as tcp://host:8786. Without
    `store`, their epochs are not kept, so that a longer training cannot continue a shorter one.

    Raises:
        ProjectError: a training failed; the results of all others are stored.
    """
    memory = main_checkout() / MEMORY
    memory.mkdir(parents=True, exist_ok=True)
    results: dict[Training, Result] = {}
    failures: list[str] = []
    with tqdm(desc="trainings", total=len(trainings), disable=None, leave=False) as bar:
        # One network after the other: a process cannot change its number of threads, and networks differ in it.
        for network in dict.fromkeys(training.params.network for training in trainings):
            of_network = [training for training in trainings if training.params.network == network]
            with _processes(1 if scheduler else min(jobs, len(of_network)), scheduler) as (pool, submit):
                keys = dict(zip(of_network, pool.map(key_of, of_network), strict=True))
                files = {training: memory / f"{key}.json" for training, key in keys.items()}
                results |= {training: result for training, path in files.items() if (result := _recall(path))}
                missing = [training for training in of_network if training not in results]
                bar.update(len(of_network) - len(missing))
                groups = {submit(group, store): group for group in _groups(missing)}
                for future in as_completed(groups):
                    try:
                        outcomes = [Result(*values) for values in future.result()]
                    except Exception as error:
                        failures.append(one_line(error) or "the connection to the scheduler was lost")
                    else:
                        for training, result in zip(groups[future], outcomes, strict=True):
                            save_json(files[training], result._asdict())
                            results[training] = result
                        bar.update(len(outcomes))
    if failures:
        raise ProjectError(f"{failures[0]}; all other trainings are finished, and the same command reads them back")
    return [results[training] for training in trainings]


def _groups(trainings: Sequence[Training]) -> list[list[Training]]:
    """Group trainings that share their epochs."""
    groups: dict[Training, list[Training]] = {}
    for training in trainings:
        only_epochs = training.params.model_copy(update=dict.fromkeys(STOPPING))
        groups.setdefault(training._replace(params=only_epochs), []).append(training)
    return list(groups.values())


def _recall(path: Path) -> Result | None:
    """Return a stored result; a damaged file counts as absent."""
    try:
        return Result(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def _processes(
    count: int, scheduler: str | None
) -> Iterator[tuple[ProcessPoolExecutor, Callable[[list[Training], bool], Future[list]]]]:
    """Start processes that end with this block, and with this process even if it is killed.

    Also yields a function that submits a group to the pool, or to the workers of a scheduler.
    """
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), end_with_parent, (os.getpid(),))
    try:
        if scheduler:
            with workers(scheduler, pool.submit(environment_here).result()) as submit:
                yield pool, submit
        else:
            yield pool, partial(pool.submit, train_group)
    finally:
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)

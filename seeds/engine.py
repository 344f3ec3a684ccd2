"""Run trainings in parallel processes, here or on a Dask scheduler, and remember each finished one."""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from joblib import cpu_count
from tqdm import tqdm

from seeds.cluster import workers
from seeds.training import Result, Training, environment_here, key_of, train_group
from stages.base.errors import ProjectError, one_line
from stages.base.files import save_json
from stages.base.process import main_checkout

MEMORY = Path("models/.trainings")  # a file of a few kB per finished training; deleting it costs time only
JOBS = min(cpu_count(), 4)  # a process takes less than a gigabyte
BAR = "{n_fmt} of {total_fmt} trainings |{bar}| {elapsed} elapsed, about {remaining} left"


def run(
    trainings: Sequence[Training], *, jobs: int = JOBS, scheduler: str | None = None, store: bool = True
) -> list[Result]:
    """Return the results of trainings, in their order; stored results are read back.

    Args:
        trainings: settings with their seeds.
        jobs: the number of processes on this machine.
        scheduler: the address of a Dask scheduler that trains instead, as tcp://host:8786.
        store: whether to keep the epochs, so that a longer training continues a shorter one.

    Raises:
        ProjectError: a training failed; the results of all others are stored.
    """
    results: dict[Training, Result] = {}
    failures: list[str] = []
    with tqdm(total=len(trainings), disable=None, leave=False, smoothing=0, bar_format=BAR) as bar:
        # One network after the other: a process cannot change its number of threads, and networks differ in it.
        for network in dict.fromkeys(training.params.network for training in trainings):
            of_network = [training for training in trainings if training.params.network == network]
            processes = _processes(1 if scheduler else min(jobs, len(of_network)))
            with processes as pool, _submitter(pool, scheduler) as submit:
                keys = dict(zip(of_network, pool.map(key_of, of_network), strict=True))
                results |= {training: result for training, key in keys.items() if (result := _recall(key))}
                missing = [training for training in of_network if training not in results]
                bar.update(len(of_network) - len(missing))
                groups = {submit(group, store): group for group in _groups(missing)}
                for future in as_completed(groups):
                    try:
                        outcomes = [Result(*values) for values in future.result()]
                    except CancelledError:
                        failures.append("the connection to the scheduler was lost")
                    except Exception as error:
                        failures.append(one_line(error))
                    else:
                        for training, result in zip(groups[future], outcomes, strict=True):
                            _remember(keys[training], result)
                            results[training] = result
                        bar.update(len(outcomes))
    if failures:
        raise ProjectError(f"{failures[0]}; all other trainings are finished, and the same command reads them back")
    return [results[training] for training in trainings]


def _groups(trainings: Sequence[Training]) -> list[list[Training]]:
    """Group trainings that share their epochs. The longest comes first, and the others read its epochs back."""

    def longest_first(training: Training) -> tuple[bool, int, int]:
        params = training.params
        return params.patience is not None, -(params.patience or 0), -params.epochs

    groups: dict[Training, list[Training]] = {}
    for training in sorted(trainings, key=longest_first):
        groups.setdefault(training.epochs_of(), []).append(training)
    return list(groups.values())


def _submitter(
    pool: ProcessPoolExecutor, scheduler: str | None
) -> AbstractContextManager[Callable[[list[Training], bool], Future[list]]]:
    """Return a function that submits a group to the pool, or to the workers of a scheduler."""
    if scheduler:
        return workers(scheduler, pool.submit(environment_here).result())
    return nullcontext(partial(pool.submit, train_group))


def _recall(key: str) -> Result | None:
    """Return a stored result; a damaged file counts as absent."""
    try:
        return Result(**json.loads((main_checkout() / MEMORY / f"{key}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _remember(key: str, result: Result) -> None:
    path = main_checkout() / MEMORY / f"{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_json(temporary, result._asdict())
    temporary.replace(path)


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes that end with this block, and with this process even if it is killed."""
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_begin)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited, so Ctrl-C stops this process alone
    for _ in range(count):
        pool.submit(os.getpid)  # starts a process
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield pool
    finally:
        for process in multiprocessing.active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Prepare a process of the pool: import TensorFlow, and exit as soon as the parent has ended."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    import stages.training.model  # noqa: F401

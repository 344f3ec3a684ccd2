"""Run trainings in parallel processes, here or on a Dask scheduler, and remember each finished one."""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from joblib import cpu_count
from tqdm import tqdm

from seeds.training import Result, Training, environment_here, key_of, results_from, to_json, train_group
from stages.base.errors import ProjectError, one_line
from stages.base.files import save_json
from stages.base.process import main_checkout

MEMORY = Path("models/.trainings")  # a file of a few kB per finished training; deleting it costs time only
JOBS = min(cpu_count(), 4)  # a process takes less than a gigabyte
BAR = "{n_fmt} of {total_fmt} trainings |{bar}| {elapsed} elapsed, about {remaining} left"

Submit = Callable[[list[Training]], Future[str]]  # a group -> its results, as `to_json` writes them


def run(
    trainings: Sequence[Training], *, jobs: int = JOBS, scheduler: str | None = None, store: bool = True
) -> list[Result]:
    """Return the results of trainings, in their order; those that are remembered take no time.

    Args:
        trainings: settings with their seeds.
        jobs: the number of processes on this machine.
        scheduler: the address of a Dask scheduler that trains instead, as tcp://host:8786.
        store: whether to keep the epochs, so that a longer training continues a shorter one.

    Raises:
        ProjectError: a training failed; all others are finished and remembered.
    """
    results: dict[Training, Result] = {}
    failed: list[str] = []
    with tqdm(total=len(trainings), disable=None, leave=False, smoothing=0, bar_format=BAR) as bar:
        # One network after the other: a process cannot change its number of threads, and networks differ in it.
        for network in dict.fromkeys(training.params.network for training in trainings):
            of_network = [training for training in trainings if training.params.network == network]
            with _processes(1 if scheduler else jobs) as pool:
                chunk = -(-len(of_network) // jobs)
                keys = dict(zip(of_network, pool.map(key_of, of_network, chunksize=chunk), strict=True))
                results |= {training: result for training, key in keys.items() if (result := _recall(key))}
                bar.update(sum(training in results for training in of_network))
                missing = [training for training in of_network if training not in results]
                with _on(scheduler, pool, store) as submit:
                    for group, outcome in _outcomes(_groups(missing), submit, bar.refresh):
                        if isinstance(outcome, BaseException):
                            failed.append(one_line(outcome))
                            continue
                        for training, result in zip(group, outcome, strict=True):
                            _remember(keys[training], result)
                            results[training] = result
                        bar.update(len(group))
    if failed:
        more = f" (and {len(failed) - 1} more failures)" if failed[1:] else ""
        raise ProjectError(f"{failed[0]}{more}; all other trainings are finished, and the same command reads them back")
    return [results[training] for training in trainings]


def _groups(trainings: Sequence[Training]) -> list[list[Training]]:
    """Group trainings that share their epochs, the longest first: the others read its epochs back."""

    def longest_first(training: Training) -> tuple[bool, int, int]:
        params = training.params
        return params.patience is not None, -(params.patience or 0), -params.epochs

    groups: dict[Training, list[Training]] = {}
    for training in sorted(trainings, key=longest_first):
        groups.setdefault(training.epochs_of(), []).append(training)
    order = {training: number for number, training in enumerate(trainings)}
    return sorted(groups.values(), key=lambda group: min(map(order.__getitem__, group)))


def _outcomes(
    groups: list[list[Training]], submit: Submit, every_second: Callable[[], object]
) -> Iterator[tuple[list[Training], list[Result] | BaseException]]:
    """Train groups; yield each with its results or the error that ended it, as they end."""
    waiting = {submit(group): group for group in groups}
    while waiting:
        done, _ = wait(waiting, timeout=1, return_when=FIRST_COMPLETED)
        every_second()
        for future in done:
            error = (
                ProjectError("the connection to the scheduler was lost") if future.cancelled() else future.exception()
            )
            yield waiting.pop(future), error or results_from(future.result())


def _recall(key: str) -> Result | None:
    """Return a remembered result; a damaged file counts as absent."""
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
def _on(scheduler: str | None, pool: ProcessPoolExecutor, store: bool) -> Iterator[Submit]:
    """Yield a function that submits a group to the processes here or to the workers of a scheduler."""
    if not scheduler:
        yield lambda group: pool.submit(train_group, group, store)
        return
    from seeds.cluster import workers

    environment = pool.submit(environment_here).result()
    with workers(scheduler) as submit:
        yield lambda group: submit(to_json({"group": group, "store": store, "environment": environment}))


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes that end with this block, and with this process, however it ends."""
    context = multiprocessing.get_context("spawn")
    ending, alive = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, context, initializer=_begin, initargs=(ending,))
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: Ctrl-C is for this process alone
    pool.submit(os.getpid)  # starts the processes
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield pool
    finally:
        alive.close()
        pool.shutdown(cancel_futures=True)


def _begin(ending: Connection) -> None:
    """Prepare a process of the pool: import TensorFlow, and exit as soon as the other end of the pipe closes."""

    def watch() -> None:
        ending.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    import stages.training.model  # noqa: F401

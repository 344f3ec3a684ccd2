"""DVC's experiments, run in clones of the last commit: several at a time, and the workspace is free meanwhile."""

import math
import queue
import re
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Self

from dvc.repo import Repo

from stages.base.errors import BACK, ProjectError, one_line
from stages.base.git import git
from stages.base.params import Params, in_words, written
from stages.experiments import worker
from stages.experiments.clones import clone
from stages.experiments.records import Version, current_version
from stages.experiments.task import Task, Told, reference
from stages.training.result import TrainingResult
from stages.training.store import STORE, digest

FOLDER = Path(".dvc/tmp/sweep")  # the clones; and the output of what failed
FAILED = FOLDER / "failed"
STOPPING = ("patience", "epochs", "min_delta", "restore_best_weights", "save_best_only", "monitor")  # decide no epoch


class Outcome(NamedTuple):
    """What came of one experiment."""

    seconds: float = 0
    fault: str | None = None  # one line, if it failed
    result: TrainingResult | None = None  # if it did not
    read_back: int = 0  # epochs
    computed: int = 0

    def in_words(self) -> str:
        """One line."""
        if self.fault:
            return f"FAILED: {self.fault}"
        return f"val_loss {self.result.val_loss:.4f} ({self.computed} new epochs, {self.seconds:.0f} s)"


class Runner(ABC):
    """Runs experiments; a context, so that nothing runs on when it is left.

    Those that share epochs are one task, so that no two workers compute the same ones, and none waits for another.

    Args:
        names: the parameters that are set; the others are as committed.
    """

    version: Version  # of what it runs

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.commit = git("rev-parse", "HEAD").strip()
        self.told: queue.SimpleQueue[worker.Told] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None:
        """End what still runs, each `dvc` with its stage."""

    @abstractmethod
    def submit(self, task: Task) -> Future[list[worker.Told]]:
        """Have a task run; it also puts into `told` what comes, as it comes."""

    def run(self, settings: Iterable[Params]) -> Iterator[tuple[Params, Outcome] | None]:
        """Run experiments and give this repository those that succeed.

        Yields:
            Each with what came of it, in the order in which they end; and None about once a second.
        """
        left = {self.name(params): params for params in settings}
        waiting = {self.submit(task): task for task in tasks(left, self.names, self.commit)}
        while left:
            try:
                yield from self._outcomes([self.told.get(timeout=1)], left)
            except queue.Empty:
                self.check()
                for ended in [future for future in waiting if future.done()]:
                    yield from self._all_of(ended, waiting.pop(ended), left)
                yield None
        self.check(last=True)

    @abstractmethod
    def take(self, told: Told) -> None:
        """Give this repository an experiment that succeeded, now or with others at the next `check`."""

    def check(self, last: bool = False) -> None:  # noqa: B027  (here nothing can be lost)
        """To be called now and then, and at the end: raise `ProjectError` if nothing more can come."""

    def compare_workers(self, settings: Sequence[Params]) -> None:  # noqa: B027  (here there is one machine)
        """Run an epoch of the first of the experiments on each worker, and hold what comes out against each other."""

    def _all_of(
        self, ended: Future[list[worker.Told]], task: Task, left: dict[str, Params]
    ) -> Iterator[tuple[Params, Outcome]]:
        """What was not told as it came, and the fault of what never will."""
        error = ProjectError("cancelled") if ended.cancelled() else ended.exception()
        yield from self._outcomes([] if error else ended.result(), left)
        for name in filter(left.__contains__, task.experiments):
            yield left.pop(name), Outcome(fault=one_line(error or "nothing was told of it"))

    def _outcomes(self, said: list[worker.Told], left: dict[str, Params]) -> Iterator[tuple[Params, Outcome]]:
        """Those that were not told before: one that ends is told at once, and again with its task."""
        for told in [Told(**each) for each in said]:
            if told.name in left:
                yield left.pop(told.name), self._outcome(told)

    def name(self, params: Params) -> str:
        """Of an experiment: what is set, and a digest of all that decides it."""
        said = re.sub(r"[ ,]+", "-", in_words(params, self.names))
        return f"{said}-{digest(params.model_dump_json(), *map(str, self.version.items()))[:7]}"

    def _outcome(self, told: Told) -> Outcome:
        try:
            if told.output is None:
                result = TrainingResult.model_validate_json(told.result)
                self.take(told)
                return Outcome(told.seconds, None, result, told.read_back, told.computed)
            FAILED.mkdir(parents=True, exist_ok=True)
            log = FAILED / f"{told.name}.log"
            log.write_text(told.output, encoding="utf-8")
            return Outcome(told.seconds, f"{fault(told.output)} ({log})")
        except (ProjectError, OSError) as error:  # a full disk, say: the others go on
            return Outcome(told.seconds, one_line(error))


class Here(Runner):
    """On threads of this process.

    Args:
        jobs: how many clones there are, and so how many experiments can run at the same time.
        names: the parameters that are set; the others are as committed.
    """

    def __init__(self, jobs: int, names: list[str]) -> None:
        super().__init__(names)
        self.unwanted = threading.Event()
        self.pool = ThreadPoolExecutor(jobs)
        self.places: queue.SimpleQueue[worker.Supervised] = queue.SimpleQueue()
        cache = Repo().cache.local_cache_dir
        STORE.mkdir(parents=True, exist_ok=True)
        for _ in range(jobs):
            folder = Path(tempfile.mkdtemp(dir=FOLDER)).resolve()
            environment = clone(folder, cache)
            (folder / STORE).symlink_to(STORE.resolve())
            (folder / ".git/info/exclude").write_text(f"/{STORE.as_posix()}\n", encoding="utf-8")  # not only a folder
            self.places.put(worker.Supervised(folder, environment))
        self.version = current_version(folder)

    def __exit__(self, *_: object) -> None:
        """End what still runs, each `dvc` with its stage."""
        self.unwanted.set()
        self.pool.shutdown(cancel_futures=True)
        while not self.places.empty():
            self.places.get().__exit__()

    def submit(self, task: Task) -> Future[list[worker.Told]]:
        """Have a task run in the next clone that is free."""
        return self.pool.submit(self._run, task)

    def _run(self, task: Task) -> list[worker.Told]:
        place = self.places.get()
        try:
            return place.run(task._asdict(), self.told.put, self.unwanted.is_set)
        finally:
            self.places.put(place)

    def take(self, told: Told) -> None:
        """Fetch it from its clone."""
        ref = reference(self.commit, told.name)
        git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", told.whence, f"+{ref}:{ref}")


def tasks(named: Mapping[str, Params], names: Iterable[str], commit: str) -> list[Task]:
    """Experiments, those that share epochs together, the longest first: the others read its epochs back.

    Args:
        named: the parameters of each.
        names: those of them that are set.
        commit: on which they stand.
    """

    def how_long(name: str) -> tuple[float, int]:
        patience, epochs = named[name].patience, named[name].epochs
        return (-(math.inf if patience is None else patience), -epochs)

    together: dict[Params, dict[str, list[str]]] = {}
    for name in sorted(named, key=how_long):
        sets = [f"--set-param={each}={written(getattr(named[name], each), 'null')}" for each in names]
        together.setdefault(named[name].model_copy(update=dict.fromkeys(STOPPING)), {})[name] = sets
    return [Task(commit, experiments) for experiments in together.values()]


def fault(output: str) -> str:
    """The line that says why an experiment failed: the stage's, which stands before DVC's first error, or that one."""
    lines = ["no output", *(line.strip() for line in output.splitlines() if line.strip())]
    at = next((number for number, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines) - 1)
    if "failed to reproduce" in lines[at]:
        at -= 1
    return lines[at].removeprefix("ERROR: ").removesuffix(f"; {BACK}")

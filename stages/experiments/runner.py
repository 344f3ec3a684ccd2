"""DVC's experiments, run in clones of the last commit: several at a time, and the workspace is free meanwhile."""

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from dvc.repo import Repo

from stages.base.errors import BACK, ProjectError, one_line
from stages.base.files import load, load_json
from stages.base.git import git
from stages.base.params import Params, in_words, written
from stages.experiments.clones import clone
from stages.experiments.records import current_version
from stages.training.result import TrainingResult
from stages.training.store import COUNTS_TO, STORE, digest

FOLDER = Path(".dvc/tmp/sweep")  # the clones; and the output of what failed
FAILED = FOLDER / "failed"
COUNTED = ".dvc/tmp/epochs.json"  # in a clone: what `train` read back and computed


class Place(NamedTuple):
    """A clone in which one experiment runs at a time."""

    folder: Path
    environment: dict[str, str]


class Outcome(NamedTuple):
    """What came of one experiment."""

    seconds: float
    fault: str | None = None  # one line, if it failed
    result: TrainingResult | None = None  # if it did not
    read_back: int = 0  # epochs
    computed: int = 0

    def in_words(self) -> str:
        """One line."""
        if self.fault:
            return f"FAILED: {self.fault}"
        return f"val_loss {self.result.val_loss:.4f} ({self.computed} new epochs, {self.seconds:.0f} s)"


class Runner:
    """Runs experiments; a context, so that nothing runs on when it is left.

    Args:
        jobs: how many clones there are, and so how many experiments can run at the same time.
        names: the parameters that are set; the others are as committed.
    """

    def __init__(self, jobs: int, names: list[str]) -> None:
        self.names = names
        self.commit = git("rev-parse", "HEAD").strip()
        self.running: set[subprocess.Popen] = set()
        self.lock = threading.Lock()  # of the set above, and of this repository's references
        self.ended = False
        self.places: queue.SimpleQueue[Place] = queue.SimpleQueue()
        cache = Repo().cache.local_cache_dir
        STORE.mkdir(parents=True, exist_ok=True)
        for _ in range(jobs):
            folder = Path(tempfile.mkdtemp(dir=FOLDER)).resolve()
            environment = clone(folder, cache)
            (folder / STORE).symlink_to(STORE.resolve())
            (folder / ".git/info/exclude").write_text(f"/{STORE.as_posix()}\n", encoding="utf-8")  # not only a folder
            self.places.put(Place(folder, environment))
        self.version = current_version(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what still runs, each `dvc` with its stage."""
        with self.lock:
            self.ended = True
            running = list(self.running)
        for process in running:
            with suppress(ProcessLookupError, PermissionError):  # ended; macOS says it so
                os.killpg(process.pid, signal.SIGTERM)
        for process in running:
            process.wait()

    def __call__(self, params: Params) -> Outcome:
        """Run one experiment, and give it to this repository if it succeeds. As many threads as jobs may call it."""
        name = re.sub(r"[ ,]+", "-", in_words(params, self.names))
        name += f"-{digest(params.model_dump_json(), *map(str, self.version.items()))[:7]}"
        place, start = self.places.get(), time.perf_counter()
        try:
            output, exit_code = self._dvc(place, name, params)
            seconds = time.perf_counter() - start
            if exit_code:
                return Outcome(seconds, self._fault(name, output))
            self._take_over(name, place.folder)
            result = load(place.folder / "metrics/train.json", TrainingResult)
            counted = place.folder / COUNTED  # not there where DVC had the model already
            return Outcome(seconds, None, result, **(load_json(counted) if counted.exists() else {}))
        except (ProjectError, OSError) as error:  # a full disk, say: the others go on
            return Outcome(time.perf_counter() - start, one_line(error))
        finally:
            self.places.put(place)

    def _fault(self, name: str, output: str) -> str:
        if self.ended:
            return "stopped"
        FAILED.mkdir(parents=True, exist_ok=True)
        log = FAILED / f"{name}.log"
        log.write_text(output, encoding="utf-8")
        return f"{fault(output)} ({log})"

    def _take_over(self, name: str, folder: Path) -> None:
        reference = f"refs/exps/{self.commit[:2]}/{self.commit[2:]}/{name}"
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head")
        with self.lock:
            git("fetch", *quietly, str(folder), f"+{reference}:{reference}")

    def _dvc(self, place: Place, name: str, params: Params) -> tuple[str, int]:
        values = {name: getattr(params, name) for name in self.names}
        settings = [f"--set-param={name}={written(value, 'null')}" for name, value in values.items()]
        (place.folder / COUNTED).unlink(missing_ok=True)
        command = [sys.executable, "-m", "dvc", "exp", "run", "--name", name, *settings]
        with self.lock:
            if self.ended:
                return "", 1
            process = subprocess.Popen(
                command, cwd=place.folder, env=place.environment | {COUNTS_TO: COUNTED},
                text=True, encoding="utf-8", errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            self.running.add(process)
        output, _ = process.communicate()
        with self.lock:
            self.running.discard(process)
        return output, process.returncode


def fault(output: str) -> str:
    """The line that says why an experiment failed: the stage's, which stands before DVC's first error, or that one."""
    lines = ["no output", *(line.strip() for line in output.splitlines() if line.strip())]
    at = next((number for number, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines) - 1)
    if "failed to reproduce" in lines[at]:
        at -= 1
    return lines[at].removeprefix("ERROR: ").removesuffix(f"; {BACK}")

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
from typing import Any, NamedTuple, Self

from dvc.repo import Repo

from stages.core.artifacts import load_json
from stages.core.clones import clone, git
from stages.core.errors import BACK, ProjectError, one_line
from stages.core.experiments import current_version
from stages.core.params import Params, in_words, written
from stages.core.store import STORE, digest

FOLDER = Path(".dvc/tmp/sweep")  # the clones; and the output of what failed
FAILED = FOLDER / "failed"

# What StoredEpochs.summary says
READ_BACK = re.compile(r"(?m)^epochs .*?([\d, -]+) read back")
COMPUTED = re.compile(r"(?m)^epochs .*?([\d, -]+) computed")


class Place(NamedTuple):
    """A clone in which one experiment runs at a time."""

    folder: Path
    environment: dict[str, str]


class Outcome(NamedTuple):
    """What came of one experiment."""

    seconds: float
    fault: str | None = None  # one line, if it failed
    metrics: dict[str, Any] | None = None  # metrics/train.json, if it did not
    read_back: int = 0  # epochs
    computed: int = 0

    def in_words(self) -> str:
        """One line."""
        if self.fault:
            return f"FAILED: {self.fault}"
        kept = "val_loss {val_loss:.4f}, val_accuracy {val_accuracy:.4f}".format(**self.metrics)
        return f"{kept} ({self.computed} epochs computed, {self.read_back} read back, {self.seconds:.0f} s)"


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
            metrics = load_json(place.folder / "metrics/train.json")
            return Outcome(seconds, None, metrics, count(READ_BACK, output), count(COMPUTED, output))
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
        settings = [word for item in values.items() for word in ("--set-param", "{}={}".format(*map(written, item)))]
        command = [sys.executable, "-m", "dvc", "exp", "run", "--name", name, *settings]
        with self.lock:
            if self.ended:
                return "", 1
            process = subprocess.Popen(
                command, cwd=place.folder, env=place.environment, text=True, encoding="utf-8", errors="replace",
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


def count(pattern: re.Pattern, output: str) -> int:
    """How many epochs a line of StoredEpochs.summary names: "1-9, 11 computed" are 10."""
    found = pattern.search(output)
    spans = [span.split("-") for span in found[1].replace(" ", "").strip(",").split(",")] if found else []
    return sum(int(span[-1]) - int(span[0]) + 1 for span in spans)

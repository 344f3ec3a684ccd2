"""Tasks of a sweep, in a clone: experiments that share epochs, one after the other; `python -m` this is their process.

A task is a line of JSON on standard input, each outcome one on standard output, and `null` there is the task's end.
Standard input stays open as long as somebody wants the outcomes: when it closes, because a worker was killed or nobody
waits any more, the `dvc` that runs is ended with its stage. That is all there is between a killed worker and a training
that runs on.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from stages.base.errors import ProjectError, one_line
from stages.base.files import load_json
from stages.base.git import git
from stages.experiments.clones import given_to_dvc
from stages.training.store import COUNTS_TO

COUNTED = ".dvc/tmp/epochs.json"  # what `train` read back and computed
SAID = Path(".dvc/tmp/said.log")  # what `dvc` printed
PREPARED = Path("data/prepared/train.npz")
RESULT = "metrics/train.json"
GRACE = 10  # seconds that a stage has to end by itself


class Task(NamedTuple):
    """What is to be run."""

    baseline: str  # the commit
    experiments: dict[str, list[str]]  # name -> what `dvc exp run` is to set, in the order in which they run
    remote: str | None = None  # the Git remote that gets them, as DVC's gets their outputs; None: whoever waits does
    probe: bool = False  # whether nobody gets them


class Told(NamedTuple):
    """What came of one experiment."""

    name: str
    whence: str  # where Git can fetch it
    seconds: float = 0
    output: str | None = None  # of what failed
    result: str = ""  # if nothing did: its metrics/train.json
    files: str = ""  # and of a probe all files in Git, each with its checksum
    read_back: int = 0  # epochs
    computed: int = 0


class Supervisor:
    """Runs `dvc`, one at a time, until nobody waits."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.server: subprocess.Popen | None = None  # what starts `dvc`: see `warm.py`
        self.running: int | None = None  # the number of the `dvc` that runs
        self.tasks: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read(self) -> None:
        """Take tasks from standard input until it closes; then end what runs, and this process."""
        for line in sys.stdin:
            self.tasks.put(line)
        with self.lock:  # and keep it: nothing is started any more
            for number in (signal.SIGTERM, signal.SIGKILL):
                if self.running:
                    with suppress(ProcessLookupError, PermissionError):  # ended; macOS says it so
                        os.killpg(self.running, number)
                    with suppress(psutil.Error):
                        psutil.Process(self.running).wait(GRACE)
            os._exit(0)

    def run(self, *words: str, **environment: str) -> tuple[str, int]:
        """What dvc prints, and its exit code.

        Raises:
            ProjectError: what starts it ended.
        """
        SAID.parent.mkdir(parents=True, exist_ok=True)
        with self.lock:
            if not self.server:
                self.server = subprocess.Popen(
                    [sys.executable, "-m", "stages.experiments.warm"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )  # fmt: skip
            self.server.stdin.write(f"{json.dumps([words, environment, str(SAID)])}\n")
            self.server.stdin.flush()
            self.running = self._answer()
        code = self._answer()
        with self.lock:
            self.running = None
        return SAID.read_text(encoding="utf-8", errors="replace"), code

    def _answer(self) -> int:
        if not (line := self.server.stdout.readline()):
            code, self.server, self.running = self.server.wait(), None, None
            raise ProjectError(f"the process that starts dvc ended with {code}")
        return int(line)


def reference(baseline: str, name: str) -> str:
    """Where DVC keeps an experiment in Git."""
    return f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}"


def run_task(task: Task, supervisor: Supervisor) -> None:
    """Run the experiments that the remote does not have yet, and tell of each."""
    if task.remote and not PREPARED.exists():  # Git has it not; where the remote has it neither, `prepare` will make it
        supervisor.run("pull", "--quiet", "prepare", *given_to_dvc())
    for name, settings in task.experiments.items():
        start, ref = time.perf_counter(), reference(task.baseline, name)
        Path(COUNTED).unlink(missing_ok=True)
        try:
            output = _run(task, name, settings, supervisor)
            counted = load_json(Path(COUNTED)) if Path(COUNTED).exists() else {}  # DVC may have had the model already
            found = {} if output else {"result": git("show", f"{ref}:{RESULT}")}
            if task.probe and not output:
                found["files"] = git("ls-tree", "-r", ref)
        except ProjectError as error:
            output, counted, found = one_line(error), {}, {}
        seconds = time.perf_counter() - start
        told = Told(name, task.remote or str(Path.cwd()), seconds, output, **found, **counted)
        print(json.dumps(told._asdict()), flush=True)


def _run(task: Task, name: str, settings: list[str], supervisor: Supervisor) -> str | None:
    """Bring about an experiment, here and in the remote; what was said if that failed."""
    ref = reference(task.baseline, name)
    shared = task.remote if not task.probe else None
    if shared and git("ls-remote", shared, ref):
        git("fetch", "--quiet", "--no-tags", shared, f"+{ref}:{ref}")  # of another sweep
        return None
    git("reset", "--quiet", "--hard", task.baseline)  # `dvc exp run` leaves what it set, and the next may set another
    git("update-ref", "-d", ref)  # of a time when it could not be pushed
    steps = [["exp", "run", "--name", name, *settings]]
    if shared:
        steps.append(["push", "--quiet", "dvc.yaml"])  # before Git: who finds it there can have its outputs too
    for step in steps:
        output, code = supervisor.run(*step, **{COUNTS_TO: COUNTED})
        if code:
            return output or "no output"
    if shared:
        git("push", "--quiet", "--force", shared, f"{ref}:{ref}")
    return None


def main() -> None:
    """Tasks on standard input -> DVC's experiments."""
    supervisor = Supervisor()
    threading.Thread(target=supervisor.read, daemon=True).start()
    try:
        while True:
            run_task(Task(**json.loads(supervisor.tasks.get())), supervisor)
            print("null", flush=True)
    except (ProjectError, OSError) as error:  # a full disk, say
        sys.exit(one_line(error))


if __name__ == "__main__":
    main()

"""What a worker does with a task of a sweep: a thread here, or of a Dask worker that has none of our code.

So only Python's own library is used, and nothing of the project: this module is sent to other machines as it stands.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

Told = dict[str, Any]  # an outcome of one experiment, as stages/experiments/task.py prints it


class Supervised:
    """A process in a clone that runs tasks, and ends what runs when this one is gone; a context, which ends it too.

    It is started with the first task, and again where it failed with the one before.

    Args:
        folder: the clone.
        environment: of that process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End what runs."""
        if self.process:
            with suppress(OSError):  # it has ended by itself
                self.process.stdin.close()
            self.process.wait()

    def _start(self) -> None:
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stages.experiments.task"], cwd=self.folder, env=self.environment,
            start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            encoding="utf-8",
        )  # fmt: skip

    def run(
        self, task: Mapping[str, Any], tell: Callable[[Told], object], is_unwanted: Callable[[], bool]
    ) -> list[Told]:
        """Run a task.

        Args:
            task: as JSON can say it.
            tell: is called with each outcome as it comes.
            is_unwanted: is asked once in a while; where it is so, what runs is ended, and the process.

        Returns:
            All outcomes.

        Raises:
            RuntimeError: the process ended.
        """
        if not self.process or self.process.poll() is not None:
            self._start()
        told, ended = [], threading.Event()

        def watch() -> None:
            while not ended.wait(0.5):
                if is_unwanted():
                    self.process.stdin.close()
                    return

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            self.process.stdin.write(f"{json.dumps(task)}\n")
            self.process.stdin.flush()
            for line in self.process.stdout:
                if (outcome := json.loads(line)) is None:
                    return told
                told.append(outcome)
                tell(outcome)
        finally:
            ended.set()
            watching.join()
        code = self.process.wait()
        self.errors.seek(0)
        last = [line.strip() for line in self.errors if line.strip()][-1:]
        raise RuntimeError(f"its process ended with {code}: {''.join(last)}")


def run_elsewhere(task: Mapping[str, Any], url: str, commit: str, options: list[str], topic: str) -> list[Told]:
    """Run a task on a Dask worker, in a clone of the Git remote, as long as the client that submitted it is there.

    Args:
        task: as `Supervised` takes it.
        url: of the Git remote.
        commit: what is checked out.
        options: of `git clone`.
        topic: under which outcomes are told as they come.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_unwanted() -> bool:
        """Dask ends no thread, but knows that a running task is cancelled, as it is when its client is gone."""
        known = worker.state.tasks.get(key)
        return not known or known.state != "executing" or worker.status.name != "running"

    folder = Path(worker.local_directory) / f"{commit[:12]}-{threading.get_ident()}"  # one task at a time in a thread
    if not folder.exists():
        new = Path(tempfile.mkdtemp(dir=worker.local_directory))
        try:
            for command in (["clone", "--quiet", *options, url, str(new)], ["-C", str(new), "checkout", "-q", commit]):
                done = subprocess.run(["git", *command], capture_output=True, text=True, check=False)
                if done.returncode:
                    raise RuntimeError(f"{worker.address}: {done.stderr.strip()}")
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Supervised(folder, environment) as supervised:
        return supervised.run(task, lambda told: worker.log_event(topic, {"told": told}), is_unwanted)

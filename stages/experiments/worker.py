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
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Told = dict[str, Any]  # an outcome of one experiment, as stages/experiments/task.py prints it


def supervise(
    folder: Path,
    environment: Mapping[str, str],
    task: Mapping[str, Any],
    tell: Callable[[Told], object],
    is_unwanted: Callable[[], bool],
) -> list[Told]:
    """Run a task in a clone, under a process that ends it when this one is gone or no longer wants it.

    Args:
        folder: the clone.
        environment: of that process.
        task: as JSON can say it.
        tell: is called with each outcome as it comes.
        is_unwanted: is asked once in a while.

    Returns:
        All outcomes.

    Raises:
        RuntimeError: the process failed.
    """
    told = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "stages.experiments.task"], cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8",
        )  # fmt: skip

        def watch() -> None:
            while process.poll() is None and not is_unwanted():
                time.sleep(0.5)
            process.stdin.close()

        process.stdin.write(f"{json.dumps(task)}\n")
        process.stdin.flush()
        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        for line in process.stdout:
            told.append(json.loads(line))
            tell(told[-1])
        code = process.wait()
        watching.join()
        if code:
            errors.seek(0)
            last = [line.strip() for line in errors if line.strip()][-1:]
            raise RuntimeError(f"its process ended with {code}: {''.join(last)}")
    return told


def run_elsewhere(task: Mapping[str, Any], url: str, commit: str, options: list[str], topic: str) -> list[Told]:
    """Run a task on a Dask worker, in a clone of the Git remote, as long as the client that submitted it is there.

    Args:
        task: as `supervise` takes it.
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
    return supervise(folder, environment, task, lambda told: worker.log_event(topic, {"told": told}), is_unwanted)

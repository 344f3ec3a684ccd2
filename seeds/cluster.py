"""Train on the workers of a Dask scheduler (docs/seeds.md). A worker needs the pinned packages and an empty folder.

The code and the data travel to each worker, into a folder named by their hash. Each group of trainings runs there as a
subprocess, `python -m seeds.cluster`: a Dask worker has imported NumPy before our first task, too late for the settings
that decide bits.
"""

import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

from seeds.training import Training, environment_here, train_group
from stages.base.errors import ProjectError, one_line
from stages.base.params import TrainingParams
from stages.base.process import run
from stages.data.images import PREPARED

TIMEOUT = 10  # seconds for the scheduler to answer
ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def workers(address: str, environment: dict[str, str]) -> Iterator[Callable[[list[Training], bool], Future[list]]]:
    """Connect to a scheduler; yield a function like `train_group` that returns a future.

    Args:
        address: as tcp://host:8786.
        environment: that of this machine; each worker must have the same.

    Raises:
        ProjectError: no scheduler with a worker answers at the address.
    """
    import cloudpickle
    from distributed import Client

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the engine reports a lost scheduler in one line
    try:
        client = Client(address, timeout=TIMEOUT)
        client.wait_for_workers(1, timeout=TIMEOUT)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ProjectError(f"{address}: no scheduler with a worker answers: {one_line(error)}") from None
    cloudpickle.register_pickle_by_value(sys.modules[__name__])

    def train(*arguments: object) -> list:  # nested: Dask would send a function of a module by its name only
        return _train_on_worker(*arguments)

    archive = _packed()
    folder = hashlib.sha256(archive).hexdigest()[:16]
    try:
        scattered = client.scatter(archive, broadcast=True)
        executor = client.get_executor(pure=False)

        def submit(group: list[Training], store: bool) -> Future[list]:
            task = json.dumps([environment, group, store], default=TrainingParams.model_dump)
            return executor.submit(train, task, folder, scattered)

        yield submit
    finally:
        client.close(timeout=TIMEOUT)  # ends what still runs on workers


def _packed() -> bytes:
    """Pack the prepared images and the sources of stages/ and seeds/; equal files give equal bytes."""
    files = {path: path for path in PREPARED.iterdir()}
    for package in ("stages", "seeds"):
        files |= {path.relative_to(ROOT): path for path in (ROOT / package).rglob("*.py")}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, path in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name.as_posix()), path.read_bytes())
    return packed.getvalue()


def _train_on_worker(task: str, name: str, archive: bytes) -> list:
    """Train on a Dask worker, in a subprocess that ends when the worker dies or the client has gone.

    Dask sends this function as code, so it uses nothing of the project.

    Args:
        task: a line of JSON, the standard input of `main`.
        name: the folder for code and data, below the worker's own.
        archive: a ZIP file of both.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    folder = Path(worker.local_directory) / name
    if not folder.exists():
        new = Path(tempfile.mkdtemp(dir=worker.local_directory))
        zipfile.ZipFile(io.BytesIO(archive)).extractall(new)
        with suppress(OSError):  # another thread of this worker was faster
            new.rename(folder)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "seeds.cluster"],
            cwd=folder, text=True, stdin=subprocess.PIPE, stdout=output, stderr=errors,
        )  # fmt: skip
        print(task, file=process.stdin, flush=True)
        while process.poll() is None:
            time.sleep(0.2)
            # Dask cannot end a thread, but it forgets the task when the client has gone.
            state = worker.state.tasks.get(key)
            if not state or state.state != "executing" or worker.status.name != "running":
                process.kill()
        errors.seek(0)
        output.seek(0)
        if process.returncode:
            last = errors.read().strip().rpartition("\n")[2]
            raise RuntimeError(last or f"a training ended with {process.returncode} on {worker.address}")
        return json.load(output)


def main() -> None:
    """Train the group on standard input -> its results on standard output, both as JSON; floats keep every bit.

    The process exits as soon as standard input closes, because nobody waits for the results then.

    Raises:
        ProjectError: the environment is not that of the local machine.
    """
    environment, group, store = json.loads(sys.stdin.readline())

    def watch() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if (here := environment_here()) != environment:
        raise ProjectError(f"a worker computes with {here}, expected {environment} as on the local machine")
    trainings = [Training(TrainingParams(**params), images) for params, images in group]
    print(json.dumps(train_group(trainings, store)), flush=True)


if __name__ == "__main__":
    run(main)

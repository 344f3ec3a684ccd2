"""Train on the workers of a Dask scheduler (docs/seeds.md). A worker needs the pinned packages and an empty folder.

The code and the data travel to each worker, into a folder named by their hash. Each group of trainings runs there as a
subprocess: a Dask worker has imported NumPy before our first task, too late for the settings that decide bits.
"""

import hashlib
import io
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages.base.errors import ProjectError, one_line

TIMEOUT = 10  # seconds for the scheduler to answer
ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def workers(address: str) -> Iterator[Callable[[str], Future[str]]]:
    """Connect to a scheduler; yield a function that submits a task of `seeds.worker`, a line of JSON, for its results.

    Raises:
        ProjectError: no scheduler with a worker answers at the address.
    """
    import cloudpickle
    from distributed import Client

    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a lost scheduler is one line, ours
    try:
        client = Client(address, timeout=TIMEOUT)
        client.wait_for_workers(1, timeout=TIMEOUT)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise ProjectError(f"{address}: no scheduler with a worker answers: {one_line(error)}") from None
    cloudpickle.register_pickle_by_value(sys.modules[__name__])

    def train(*arguments: object) -> str:  # nested: of a module's function Dask would send the name, not the code
        return _train_there(*arguments)

    files = {str(path): np.fromfile(path, np.uint8) for path in sorted(Path("data/prepared").iterdir())}
    code = _code()
    folder = hashlib.sha256(code)
    for path, contents in files.items():
        folder.update(f"{path} {len(contents)}".encode())
        folder.update(contents)
    try:
        scattered = client.scatter(files, broadcast=True)
        executor = client.get_executor(pure=False)
        yield lambda task: executor.submit(train, task, folder.hexdigest()[:16], code, scattered)
    finally:
        client.close(timeout=TIMEOUT)  # what still runs on workers ends


def _code() -> bytes:
    """Pack the sources of stages/ and seeds/; equal sources give equal bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(path for package in ("stages", "seeds") for path in (ROOT / package).rglob("*.py")):
            archive.writestr(zipfile.ZipInfo(path.relative_to(ROOT).as_posix()), path.read_bytes())
    return packed.getvalue()


def _train_there(task: str, name: str, code: bytes, files: dict[str, np.ndarray]) -> str:
    """Train on a Dask worker, in a subprocess that ends when the worker dies or the client has gone.

    Dask sends this function as code, so it uses nothing of the project.

    Args:
        task: a line for `seeds.worker`.
        name: the folder for code and files, below the worker's own.
        code: a ZIP archive of the sources.
        files: the contents of each data file, uint8 [bytes].
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    folder = Path(worker.local_directory) / name
    if not folder.exists():
        new = Path(tempfile.mkdtemp(dir=worker.local_directory))
        zipfile.ZipFile(io.BytesIO(code)).extractall(new)
        for path, contents in files.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            contents.tofile(new / path)
        try:
            new.rename(folder)
        except OSError:  # another thread of this worker was faster
            shutil.rmtree(new)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "seeds.worker"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=output, stderr=errors,
        )  # fmt: skip
        process.stdin.write(f"{task}\n")
        process.stdin.flush()
        while process.poll() is None:
            time.sleep(0.2)
            state = worker.state.tasks.get(key)  # Dask cannot end a thread; it forgets the task of a client that left
            if not state or state.state != "executing" or worker.status.name != "running":
                process.kill()
        errors.seek(0)
        output.seek(0)
        if process.returncode:
            last = [line.strip() for line in errors if line.strip()][-1:]
            raise RuntimeError("".join(last) or f"a training ended with {process.returncode} on {worker.address}")
        return output.read()

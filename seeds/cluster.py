"""Train on the workers of a Dask scheduler (docs/seeds.md). A worker needs the pinned packages and an empty folder.

Code and data travel to each worker. Each group of trainings runs there as a subprocess, `python -m seeds.cluster`: a
Dask worker has imported NumPy before our first task, too late for the settings that decide bits.
"""

import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

from seeds.training import Training, end_with_parent, environment_here, train_group
from stages.base.errors import ProjectError, one_line
from stages.base.params import TrainingParams
from stages.base.process import run
from stages.data.images import PREPARED

TIMEOUT = 10  # seconds for the scheduler to answer
ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def workers(address: str, environment: dict[str, str]) -> Iterator[Callable[[list[Training], bool], Future[list]]]:
    """Connect to a scheduler whose workers have this environment; yield a function like `train_group` for the workers.

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
    except (OSError, ValueError, TypeError) as error:
        raise ProjectError(f"{address}: no scheduler with a worker answers: {one_line(error)}") from None
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with client:
        archive = client.scatter(_packed(), broadcast=True)
        executor = client.get_executor(pure=False)

        def submit(group: list[Training], store: bool) -> Future[list]:
            task = json.dumps([environment, group, store], default=TrainingParams.model_dump)
            # A lambda, because Dask would send a function of a module by its name only.
            return executor.submit(lambda archive: _train_on_worker(task, archive), archive)

        yield submit


def _packed() -> bytes:
    """Pack the prepared images and the sources of stages/ and seeds/."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in PREPARED.iterdir():
            archive.write(path)
        for package in ("stages", "seeds"):
            for path in (ROOT / package).rglob("*.py"):
                archive.write(path, path.relative_to(ROOT))
    return packed.getvalue()


def _train_on_worker(task: str, archive: bytes) -> list:
    """Run `main` on a Dask worker. Dask sends this function as code, so it uses nothing of the project."""
    from distributed import get_worker

    worker = get_worker()
    state = worker.state.tasks[worker.get_current_task()]
    output = None
    with tempfile.TemporaryDirectory(dir=worker.local_directory) as folder:
        zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
        process = subprocess.Popen(
            [sys.executable, "-m", "seeds.cluster", str(os.getpid()), task],
            cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=os.environ | {"DVC_ROOT": worker.local_directory},  # all trainings here share a store of epochs
        )  # fmt: skip
        while output is None:
            with suppress(subprocess.TimeoutExpired):
                output, errors = process.communicate(timeout=1)
            if state.state != "executing":  # the client has gone; Dask cannot end this thread
                process.kill()
    if process.returncode:
        last = errors.strip().rpartition("\n")[2]
        raise RuntimeError(last or f"a training ended with {process.returncode} on {worker.address}")
    return json.loads(output)


def main() -> None:
    """Train the group in the second argument -> its results on standard output, both as JSON; floats keep every bit."""
    end_with_parent(int(sys.argv[1]))
    environment, group, store = json.loads(sys.argv[2])
    if (here := environment_here()) != environment:
        raise ProjectError(f"a worker computes with {here}, expected {environment} as on the local machine")
    trainings = [Training(TrainingParams(**params), images) for params, images in group]
    print(json.dumps(train_group(trainings, store)))


if __name__ == "__main__":
    run(main)

"""Trainings on a real Dask scheduler with real workers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from distributed import SpecCluster
from distributed.deploy.subprocess import SubprocessCluster, SubprocessWorker

from seeds import engine
from seeds.cluster import workers
from seeds.training import train_group
from stages.base.errors import ProjectError
from tests.seeds.test_engine import training
from tests.support.workspace import ROOT

pytestmark = pytest.mark.process


@pytest.fixture
def cluster(prepared: Path) -> Iterator[SpecCluster]:
    """A scheduler and two workers, which do not find the project's code; nobody starts a dead worker again."""
    with SubprocessCluster(
        worker_class="distributed.Worker", n_workers=2, threads_per_worker=1, dashboard_address=None,
        worker_kwargs={"local_directory": "workers"},
    ) as started:  # fmt: skip
        started.wait_for_workers(2)  # or only one would have the code and the data
        yield started


def wait_until(is_so: Callable[[], object]) -> None:
    last = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.1)


@pytest.mark.acceptance
def test_a_killed_worker_takes_its_training_with_it_another_one_trains_it_and_a_killed_client_ends_it(cluster):
    def trainings(worker: SubprocessWorker) -> list[psutil.Process]:
        return psutil.Process(worker.process.pid).children()

    code = (
        "from seeds import engine; from tests.seeds.test_engine import training;"
        f"engine.run([training(epochs=100_000, patience=None)], scheduler={cluster.scheduler_address!r})"
    )
    client = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    one, other = cluster.workers.values()
    wait_until(lambda: trainings(one) or trainings(other))
    first, second = (one, other) if trainings(one) else (other, one)
    running = trainings(first)
    psutil.Process(first.process.pid).kill()
    _, alive = psutil.wait_procs(running, timeout=10)
    assert not alive
    wait_until(lambda: trainings(second))
    client.kill()
    client.wait()
    wait_until(lambda: not trainings(second))


def test_workers_give_the_rows_of_this_machine_or_the_reason(here: Path, cluster):
    asked = [training(300), training(300, patience=None)]
    with workers(cluster.scheduler_address, {"keras": "0"}) as submit:
        other_versions = submit(asked, True)
        results = engine.run(asked, scheduler=cluster.scheduler_address)
        with pytest.raises(RuntimeError, match=r"expected \{'keras'"):
            other_versions.result()
    assert list((here / "workers").rglob("models/.epochs"))
    assert results == train_group(asked)


def test_without_a_scheduler_at_the_address_it_is_one_line(monkeypatch):
    monkeypatch.setattr("seeds.cluster.TIMEOUT", 0.1)
    with pytest.raises(ProjectError, match="no scheduler"), workers("tcp://127.0.0.1:1", {}):
        pass

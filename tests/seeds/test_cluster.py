"""Trainings on a real Dask scheduler with real workers, each in an empty folder with a home of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from seeds import cluster as cluster_module
from seeds import engine
from seeds.training import train_group
from stages.base.errors import ProjectError
from tests.seeds.test_engine import training
from tests.support.workspace import ROOT

pytestmark = pytest.mark.process


class Cluster:
    """A scheduler and two workers of one thread; nobody starts a dead worker again."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self.folder, self.started, self.file = folder, started, folder / "scheduler.json"
        self._start("scheduler", "scheduler", "--port", "0")
        wait_until(self.file.exists)
        self.address = json.loads(self.file.read_text())["address"]
        words = ("worker", "--no-nanny", "--nthreads", "1", "--local-directory", ".")
        self.workers = {name: self._start(name, *words, "--name", name) for name in ("one", "other")}
        for name in self.workers:
            wait_until(lambda name=name: "Registered to" in (self.folder / name / "log").read_text())

    def _start(self, name: str, *words: str) -> subprocess.Popen:
        home = self.folder / name
        home.mkdir()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HOME": str(home)}
        network = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(self.file))
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                ["dask", *words, *network], cwd=home, env=environment, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        self.started.callback(end, process)
        return process

    def trains(self, name: str) -> list[psutil.Process]:
        """Return the trainings that run in a worker's folder."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, FileNotFoundError):
                if self.folder / name in Path(process.cwd()).parents and "seeds.cluster" in process.cmdline():
                    found.append(process)
        return found


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(is_so: Callable[[], object], seconds: float = 60) -> None:
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with ExitStack() as started:
        yield Cluster(tmp_path_factory.mktemp("cluster"), started)


@pytest.mark.acceptance
def test_a_killed_worker_takes_its_training_with_it_another_one_trains_it_and_a_killed_client_ends_it(
    prepared: Path, cluster: Cluster
):
    code = (
        "from seeds import engine; from tests.seeds.test_engine import training;"
        f"engine.run([training(epochs=100_000, patience=None)], scheduler={cluster.address!r})"
    )
    client = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    wait_until(lambda: cluster.trains("one") or cluster.trains("other"))
    first, second = ("one", "other") if cluster.trains("one") else ("other", "one")
    running = cluster.trains(first)
    cluster.workers[first].kill()
    _, alive = psutil.wait_procs(running, timeout=10)
    assert not alive
    wait_until(lambda: cluster.trains(second))
    client.kill()
    client.wait()
    wait_until(lambda: not cluster.trains(second), seconds=30)


def test_workers_in_empty_folders_give_the_rows_of_this_machine_or_the_reason(here: Path, cluster: Cluster):
    asked = [training(300), training(300, patience=None)]
    with cluster_module.workers(cluster.address, {"keras": "0"}) as submit:
        other_versions = submit(asked, True)
        results = engine.run(asked, scheduler=cluster.address)
        with pytest.raises(RuntimeError, match=r"expected \{'keras'"):
            other_versions.result()
    assert list(cluster.folder.glob("*/*/*/models/.epochs"))
    assert results == train_group(asked)


def test_without_a_scheduler_at_the_address_it_is_one_line(monkeypatch):
    monkeypatch.setattr(cluster_module, "TIMEOUT", 0.1)
    with pytest.raises(ProjectError, match="no scheduler"), cluster_module.workers("tcp://127.0.0.1:1", {}):
        pass

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

from seeds import engine
from stages import prepare
from stages.base.errors import ProjectError
from tests.seeds.test_engine import training
from tests.support.workspace import ROOT, run_stages

pytestmark = pytest.mark.process


class Cluster:
    """A scheduler and workers of one thread; nobody starts a dead worker again."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self.folder, self.started = folder, started
        self._start("scheduler", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(self._file.exists)
        self.address = json.loads(self._file.read_text())["address"]
        self.workers = {name: self._worker(name) for name in ("one", "other")}
        for name in self.workers:
            wait_until(lambda name=name: "Registered to" in (self.folder / name / "log").read_text())

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    def _worker(self, name: str) -> subprocess.Popen:
        words = ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", ".", "--name", name)
        return self._start(name, "dask", "worker", *words)

    def _start(self, name: str, *command: str) -> subprocess.Popen:
        home = self.folder / name
        home.mkdir()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"HOME": str(home)}
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(self._file)],
                cwd=home, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        self.started.callback(end, process)
        return process

    def trains(self, name: str) -> list[psutil.Process]:
        """Return the trainings that run in a worker's folder."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, FileNotFoundError):
                if self.folder / name in Path(process.cwd()).parents and "seeds.worker" in process.cmdline():
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


@pytest.fixture
def prepared(workspace: Path) -> Path:
    run_stages(workspace, prepare, limit=600)
    return workspace


def ask(*arguments: str) -> subprocess.Popen:
    code = (
        "from seeds import engine; from tests.seeds.test_engine import training; from stages.base.process import run;"
        f"run(lambda: engine.run({', '.join(arguments)}))"
    )
    return subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})


ASKED = [
    training(seed=1), training(seed=1, patience=None), training(300, seed=2),
    training(network="cnn", hidden_units=8, epochs=1),
]  # fmt: skip


def test_workers_in_empty_folders_give_the_rows_of_this_machine(prepared: Path, cluster: Cluster, monkeypatch):
    there = engine.run(ASKED, scheduler=cluster.address)
    used = [name for name in cluster.workers if list((cluster.folder / name).rglob("stages/train.py"))]
    assert used == ["one", "other"]
    remembered = sorted(path.name for path in Path("models/.trainings").iterdir())
    Path("models/.trainings").rename("there")
    assert engine.run(ASKED, jobs=2) == there
    assert sorted(path.name for path in Path("models/.trainings").iterdir()) == remembered
    # Remembered here: a second run needs no worker.
    for process in cluster.workers.values():
        end(process)
    assert engine.run(ASKED) == there


@pytest.mark.acceptance
def test_a_killed_worker_takes_its_training_with_it_and_another_worker_trains_it(prepared: Path, cluster: Cluster):
    asking = ask("[training(epochs=3000, patience=None)]", f"scheduler={cluster.address!r}")
    wait_until(lambda: cluster.trains("one") or cluster.trains("other"))
    name = "one" if cluster.trains("one") else "other"
    running = cluster.trains(name)
    cluster.workers[name].kill()
    psutil.wait_procs(running, timeout=10)
    assert not any(process.is_running() for process in running)
    wait_until(lambda: cluster.trains({"one": "other", "other": "one"}[name]))
    asking.kill()
    asking.wait()


@pytest.mark.acceptance
def test_workers_stop_when_the_client_is_killed(prepared: Path, cluster: Cluster):
    asking = ask("[training(epochs=100_000, patience=None)]", f"scheduler={cluster.address!r}")
    wait_until(lambda: cluster.trains("one") or cluster.trains("other"))
    asking.kill()
    asking.wait()
    wait_until(lambda: not cluster.trains("one") and not cluster.trains("other"), seconds=30)


@pytest.mark.acceptance
def test_an_edit_between_two_sweeps_takes_effect(prepared: Path, cluster: Cluster, tmp_path_factory, monkeypatch):
    from seeds import cluster as module

    copy = tmp_path_factory.mktemp("edited")
    for package in ("stages", "seeds"):
        for path in (ROOT / package).rglob("*.py"):
            target = copy / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    engine.run([training(seed=1)], scheduler=cluster.address)
    networks = copy / "stages/training/networks.py"
    networks.write_text(
        networks.read_text(encoding="utf-8").replace('"relu"', '"no such activation"'), encoding="utf-8"
    )
    monkeypatch.setattr(module, "ROOT", copy)
    with pytest.raises(ProjectError, match="no such activation"):
        engine.run([training(seed=2)], scheduler=cluster.address)


def test_without_a_scheduler_at_the_address_it_is_one_line(prepared: Path, monkeypatch):
    from seeds import cluster as module

    monkeypatch.setattr(module, "TIMEOUT", 1)
    with pytest.raises(ProjectError, match="no scheduler"):
        engine.run([training()], scheduler="tcp://127.0.0.1:1")

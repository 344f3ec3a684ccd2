"""A sweep on a Dask scheduler's workers, in folders that share nothing but a bare Git repository and a server of S3."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import yaml

from tests.support.clone import Clone
from tests.support.s3 import s3_server
from tests.support.team import Team
from tests.support.workspace import ROOT

pytestmark = pytest.mark.skipif(
    not (find_spec("distributed") and find_spec("dvc_s3")),
    reason="Dask or dvc-s3 is not installed: make ready-distributed ready-s3 installs them",
)
SWEEP = (sys.executable, "-m", "stages.commands.sweep")
GRID = ("-S", "dropout=0.5", "-S", "patience=1,2", "-S", "epochs=4", "--seeds", "2")


class Cluster:
    """A scheduler and workers, each a process with a folder and a home of its own."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self.folder, self.started = folder, started
        self.processes: list[subprocess.Popen] = []
        self.scheduler = self._start("scheduler", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(self._file.exists)
        self.address = json.loads(self._file.read_text())["address"]

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    def worker(self, name: str, **environment: str) -> subprocess.Popen:
        """One of one core; it has nobody who starts it again."""
        words = ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--local-directory", ".", "--name", name)
        return self._start(name, "dask", "worker", *words, **environment)

    def _start(self, name: str, *command: str, **environment: str) -> subprocess.Popen:
        home = self.folder / name
        home.mkdir()
        with (home / "log").open("w") as log:
            process = subprocess.Popen(
                [*command, "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(self._file)],
                cwd=home, env=os.environ | {"HOME": str(home)} | environment, start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        self.started.callback(end, process)
        self.processes.append(process)
        return process

    def listens_on(self) -> set[str]:
        """The addresses of this machine on which others can reach it."""
        ends = [end for process in self.processes for end in psutil.Process(process.pid).net_connections()]
        return {end.laddr.ip for end in ends if end.status == psutil.CONN_LISTEN}

    def running(self, name: str) -> list[str]:
        """What runs in a worker's folder, but for the worker: its name and its command."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, FileNotFoundError):
                if self.folder / name in Path(process.cwd()).parents:
                    found.append(" ".join([process.name(), *process.cmdline()]))
        return found

    def runs(self, name: str, process: str) -> bool:
        """Whether one of them has this name."""
        return any(found.startswith(f"{process} ") for found in self.running(name))


def end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(is_so: Callable[[], object], seconds: float = 120) -> None:
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.2)


@pytest.fixture
def team(first: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    with s3_server(monkeypatch) as server:
        team = Team(first, tmp_path, f"s3://{server.bucket}/dvc", server.url)
        first.dvc("push")
        yield team


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as started:
        (tmp_path / "cluster").mkdir()
        yield Cluster(tmp_path / "cluster", started)


def references(clone: Clone) -> dict[str, str]:
    """Of each experiment."""
    listed = clone.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").stdout.split()
    return {name.rpartition("/")[2]: name for name in listed if name.count("/") == 4}


def commits(clone: Clone) -> dict[str, str]:
    """Of each experiment."""
    return {name: clone.run("git", "rev-parse", ref).stdout for name, ref in references(clone).items()}


def trees(clone: Clone) -> dict[str, str]:
    """Of each experiment, every file with its checksum: those in DVC's cache are in dvc.lock."""
    return {name: clone.run("git", "ls-tree", "-r", ref).stdout for name, ref in references(clone).items()}


def test_a_worker_is_killed_and_what_it_did_comes_from_another(team: Team, cluster: Cluster):
    killed = cluster.worker("b")
    committed = "dropout=0.3"  # one experiment: the committed setting is what a sweep has anyway
    sweep = subprocess.Popen(
        [*SWEEP, "-S", committed, "--scheduler", cluster.address], cwd=team.first.folder, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    wait_until(lambda: cluster.runs("b", "dvc"))
    cluster.worker("a")  # comes later, so that the two need not be compared
    assert cluster.listens_on() == {"127.0.0.1"}
    killed.kill()
    wait_until(lambda: not cluster.running("b"), 20)
    said, _ = sweep.communicate()
    assert sweep.returncode == 0
    assert said.count("val_loss") == 1
    (reference,) = references(team.first).values()
    team.first.run("git", "diff", "--exit-code", "HEAD", reference)  # as this machine has computed it


@pytest.mark.acceptance
def test_a_worker_is_killed_and_all_bytes_are_those_of_a_sweep_here(team: Team, cluster: Cluster, tmp_path: Path):
    cluster.worker("a")
    killed = cluster.worker("b")
    sweep = subprocess.Popen(
        [*SWEEP, *GRID, "--scheduler", cluster.address], cwd=team.first.folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    lines = iter(sweep.stdout.readline, "")
    said = [next(line for line in lines if "val_loss" in line)]
    wait_until(lambda: cluster.runs("b", "stages.train"))
    killed.kill()
    wait_until(lambda: not cluster.running("b"), 20)
    said += [line for line in lines if "val_loss" in line]
    _, errors = sweep.communicate()
    assert (sweep.returncode, errors) == (0, "")
    assert len(said) == 6

    here = team.another(tmp_path / "here")
    here.dvc("pull")
    here.run(*SWEEP, *GRID, "--jobs", "1")
    assert trees(here) == trees(team.first)
    name = next(name for name in trees(here) if "patience-2" in name)
    team.first.dvc("exp", "apply", name)  # its outputs have come too
    assert "Data and pipelines are up to date." in team.first.dvc("repro").stdout
    said = team.first.run(*SWEEP, *GRID, "--scheduler", cluster.address).stdout
    assert "6 experiments, 6 of them there already" in said


@pytest.mark.acceptance
def test_what_fails_is_named_with_its_log_and_stops_no_other_nor_spoils_the_next(team: Team, cluster: Cluster):
    cluster.worker("a")
    failing = team.first.run(
        *SWEEP, "-S", "learning_rate=1e30,0.01", "-S", "epochs=1", "--scheduler", cluster.address, check=False
    )
    assert failing.returncode == 1
    assert failing.stdout.count("FAILED: epoch 1: loss is ") == 1
    assert failing.stdout.count("val_loss") == 2
    assert failing.stderr == "1 of 3 experiments failed, see above; the same command tries them again\n"
    team.first.run(*SWEEP, "-S", "dropout=0.5", "--scheduler", cluster.address)  # another parameter, in the same clone
    (name,) = (name for name in references(team.first) if name.startswith("dropout-0.5"))
    params = yaml.safe_load(team.first.run("git", "show", f"{references(team.first)[name]}:params.yaml").stdout)
    assert params == yaml.safe_load((team.first.folder / "params.yaml").read_text()) | {"dropout": 0.5}


@pytest.mark.acceptance
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_driver_that_ends_leaves_nothing_running_and_the_same_command_goes_on(
    team: Team, cluster: Cluster, number: signal.Signals
):
    cluster.worker("a")
    command = [*SWEEP, *GRID, "--scheduler", cluster.address]
    sweep = subprocess.Popen(command, cwd=team.first.folder, text=True, stdout=subprocess.PIPE)
    next(line for line in iter(sweep.stdout.readline, "") if "val_loss" in line)
    sweep.send_signal(number)
    sweep.communicate(timeout=60)
    assert sweep.returncode == (130 if number == signal.SIGINT else -number)
    wait_until(lambda: not cluster.running("a"), 30)
    bare = Clone.at(team.bare)
    pushed = commits(bare)
    assert pushed
    team.first.run(*command)
    assert pushed.items() <= commits(bare).items()  # those were not run again
    assert commits(team.first) == commits(bare)
    assert len(trees(team.first)) == 6


@pytest.mark.acceptance
def test_workers_that_make_other_bytes_are_told_before_anything_is_run(team: Team, cluster: Cluster, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "true = metadata.version\n"
        "metadata.version = lambda name: '0' if name == 'keras' else true(name)\n"
    )
    cluster.worker("a")
    cluster.worker("b", PYTHONPATH=str(tmp_path))
    wait_until(lambda: "Registered to" in (cluster.folder / "b/log").read_text())
    differing = team.first.run(*SWEEP, *GRID, "--scheduler", cluster.address, check=False)
    assert differing.returncode == 1
    assert re.fullmatch(
        r"tcp://\S+ and tcp://\S+ give other bytes for one experiment: .*metrics/environment\.json.*\n",
        differing.stderr,
    )
    assert references(team.first) == {}


@pytest.mark.acceptance
def test_two_at_once_both_end_right(team: Team, cluster: Cluster, tmp_path: Path):
    cluster.worker("a")
    cluster.worker("b")
    second = team.another(tmp_path / "second machine")
    command = [*SWEEP, *GRID, "--scheduler", cluster.address]
    both = [subprocess.Popen(command, cwd=clone.folder) for clone in (team.first, second)]
    assert [sweep.wait(600) for sweep in both] == [0, 0]
    assert trees(team.first) == trees(second)
    assert len(trees(second)) == 6


@pytest.mark.acceptance
def test_a_scheduler_that_is_not_there_or_goes_is_one_line(team: Team, cluster: Cluster):
    absent = team.first.run(*SWEEP, *GRID, "--scheduler", "tcp://127.0.0.1:9", check=False)
    assert absent.returncode == 1
    assert re.fullmatch(r"tcp://127\.0\.0\.1:9: no scheduler with a worker answers there: .+\n", absent.stderr)
    cluster.worker("a")
    command = [*SWEEP, *GRID, "--scheduler", cluster.address]
    sweep = subprocess.Popen(command, cwd=team.first.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    next(line for line in iter(sweep.stdout.readline, "") if "val_loss" in line)
    cluster.scheduler.kill()
    _, errors = sweep.communicate(timeout=120)
    assert errors == f"{cluster.address}: the scheduler is gone; the same command goes on with what is missing\n"
    assert sweep.returncode == 1


@pytest.mark.acceptance
def test_without_what_is_shared_it_says_so(first: Clone):
    lacking = first.run(*SWEEP, *GRID, "--scheduler", "tcp://127.0.0.1:9", check=False)
    assert (lacking.returncode, lacking.stderr) == (
        2, "no DVC remote, through which workers give back outputs: see docs/team.md\n"
    )  # fmt: skip
    first.dvc("remote", "add", "--default", "team", "/nowhere")
    first.commit()
    lacking = first.run(*SWEEP, *GRID, "--scheduler", "tcp://127.0.0.1:9", check=False)
    assert lacking.stderr == "the last commit is in no Git remote, from which workers clone it: git push\n"


@pytest.mark.process
def test_the_docs_script_for_slurm_submits_jobs_that_are_workers(tmp_path: Path):
    """With an `sbatch` that runs what it is given, and a `scancel` that does nothing."""
    from distributed import Client

    (script,) = re.findall(r"(?s)```python\n(.*?)```", (ROOT / "docs/scaling.md").read_text(encoding="utf-8"))
    (tmp_path / "slurm.py").write_text(script.replace("jobs=20", "jobs=2"))
    commands = {
        "sbatch": f'cd {tmp_path}; cp "$1" job-$$; setsid sh job-$$ >log-$$ 2>&1 & echo Submitted batch job $$',
        "scancel": "exit 0",
    }
    for name, does in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    slurm = subprocess.Popen(
        [sys.executable, "slurm.py"], cwd=tmp_path, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)},
    )  # fmt: skip
    try:
        with Client(slurm.stdout.readline().strip().removeprefix("SCHEDULER="), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            assert client.submit(sum, [1, 2]).result() == 3
        job = next(tmp_path.glob("job-*")).read_text()
        for line in ("#SBATCH -n 1", "#SBATCH --cpus-per-task=1", "#SBATCH --mem=2G", "#SBATCH -t 04:00:00"):
            assert line in job
        assert f"{sys.executable} -m distributed.cli.dask_worker tcp://" in job
    finally:
        slurm.communicate("\n", timeout=60)

"""Experiments on the workers of a Dask scheduler, which share with this machine the Git remote and DVC's, nothing else.

docs/scaling.md says how to start one.
"""

import logging
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.repo import Repo

from stages.base.errors import ProjectError, UserError, one_line
from stages.base.git import git
from stages.base.params import Params
from stages.experiments import worker
from stages.experiments.clones import clone, committer
from stages.experiments.records import current_version
from stages.experiments.runner import FOLDER, Runner, fault, tasks
from stages.experiments.task import Task, Told

PATIENCE = 10  # seconds for the scheduler to answer
EVERY = 60  # seconds in which finished experiments are collected


def shared_remote() -> str:
    """The Git remote that has the last commit, where DVC has one too: what workers and this machine share.

    Raises:
        UserError: there is none.
    """
    with Repo() as repo:
        if not repo.config["core"].get("remote"):
            raise UserError("no DVC remote, through which workers give back outputs: see docs/team.md")
    branches = git("branch", "--remotes", "--contains", "HEAD", "--format=%(refname:lstrip=2)").split()
    remotes = [remote for remote in git("remote").split() if any(name.startswith(f"{remote}/") for name in branches)]
    if not remotes:
        raise UserError("the last commit is in no Git remote, from which workers clone it: git push")
    return "origin" if "origin" in remotes else remotes[0]


class Cluster(Runner):
    """On the workers of a scheduler.

    Args:
        address: the scheduler's, as tcp://host:8786 or tls://host:8786.
        names: the parameters that are set; the others are as committed.

    Raises:
        UserError: Dask is not installed, or there is nothing to share results by.
        ProjectError: no scheduler answers there, or it has no workers.
    """

    def __init__(self, address: str, names: list[str]) -> None:
        super().__init__(names)
        try:
            import cloudpickle
            from distributed import Client
        except ModuleNotFoundError:
            raise UserError("scheduler: Dask is not installed; type: make ready-distributed") from None
        self.remote, self.address = shared_remote(), address
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # a lost scheduler is told in one line
        cloudpickle.register_pickle_by_value(worker)
        try:
            self.client = Client(address, timeout=PATIENCE)
            self.client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            raise ProjectError(f"{address}: no scheduler with a worker answers there: {one_line(error)}") from None
        self.topic = f"sweep-{uuid.uuid4().hex}"
        self.client.subscribe_topic(self.topic, lambda event: self.told.put(event[1]["told"]))
        self.executor = self.client.get_executor(pure=False)
        self.due: list[str] = []  # experiments that this repository is to get
        self.collected = time.monotonic()
        folder = Path(tempfile.mkdtemp(dir=FOLDER))
        clone(folder, "cache")
        self.version = current_version(folder)

    def __exit__(self, *_: object) -> None:
        """Leave. That ends what still runs, each `dvc` with its stage, as it would if this process were killed."""
        with suppress(Exception):  # the scheduler may be gone
            self.client.close(timeout=PATIENCE)

    def submit(self, task: Task) -> Future[list[worker.Told]]:
        """Have a task run on the next worker that is free."""
        return self.executor.submit(_by_value(worker.run_elsewhere), *self._given(task))

    def _given(self, task: Task) -> tuple[Any, ...]:
        options = [*committer(), f"--origin={self.remote}"]
        url = git("remote", "get-url", self.remote).strip()
        return task._replace(remote=self.remote)._asdict(), url, self.commit, options, self.topic

    def take(self, told: Told) -> None:
        """With others, since `dvc exp pull` takes seconds for any number."""
        self.due.append(told.name)

    def check(self, last: bool = False) -> None:
        """Get what is due; raise `ProjectError` if the scheduler is gone."""
        gone = self.client.status != "running"
        if self.due and (last or gone or time.monotonic() > self.collected + EVERY):
            command = [sys.executable, "-m", "dvc", "exp", "pull", "--quiet", "--force", self.remote, *self.due]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ProjectError(f"dvc exp pull {self.remote}: {fault(done.stdout + done.stderr)}")
            self.due, self.collected = [], time.monotonic()
        if gone and not last:
            raise ProjectError(f"{self.address}: the scheduler is gone; the same command goes on with what is missing")

    def compare_workers(self, settings: Sequence[Params]) -> None:
        """Run an epoch of the first of the experiments on each worker, and hold what comes out against each other.

        Raises:
            ProjectError: it fails on one, or they are not the same.
        """
        workers = list(self.client.scheduler_info(n_workers=-1)["workers"])
        compared = ["compared", self.commit]  # as the scheduler remembers
        if len(workers) < 2 or not settings or set(workers) <= set(self.client.get_metadata(compared, [])):
            return
        params = settings[0]
        print(f"comparing what {len(workers)} workers make of one experiment", flush=True)
        (task,) = tasks({"probe": params}, self.names, self.commit)
        task.experiments["probe"].append("--set-param=epochs=1")
        given = self._given(task._replace(probe=True))
        found: dict[str, list[str]] = {}
        futures = {
            each: self.client.submit(_by_value(worker.run_elsewhere), *given, workers=[each], pure=False)
            for each in workers
        }
        for each, future in futures.items():
            try:
                (told,) = (Told(**told) for told in future.result())
            except Exception as error:
                self.check()
                raise ProjectError(f"{each}: {one_line(error)}") from None
            if told.output is not None:
                raise ProjectError(f"{each}: {fault(told.output)}")
            found.setdefault(told.files, []).append(each)
        if len(found) > 1:
            (one, first), (another, other) = list(found.items())[:2]
            differ = sorted({line.split("\t")[1] for line in set(one.splitlines()) ^ set(another.splitlines())})
            raise ProjectError(f"{first[0]} and {other[0]} give other bytes for one experiment: {', '.join(differ)}")
        self.client.set_metadata(compared, workers)


def _by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, as a function that Dask sends with its code: of one that a module has, it would send the name."""

    def same(*given: object) -> object:
        return function(*given)

    return same

"""The experiments of a task, one after the other in a clone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stages.experiments.task import COUNTED, Task, reference, run_task
from stages.experiments.warm import LIBRARIES
from tests.support.workspace import ROOT


class Recorder:
    """In the place of a supervisor: an experiment leaves what it set, as `dvc exp run` does."""

    def __init__(self) -> None:
        self.began: list[str] = []

    def run(self, *command: str, **environment: str) -> tuple[str, int]:
        if command[:2] != ("exp", "run"):
            return "", 0
        self.began.append(Path("params.yaml").read_text())
        Path("params.yaml").write_text(f"{command[4:]}\n")
        if "fails" in command:
            return "ERROR: it does\n", 1
        Path(COUNTED).parent.mkdir(parents=True, exist_ok=True)
        Path(COUNTED).write_text('{"read_back": 1, "computed": 2}')
        git("update-ref", reference(git("rev-parse", "HEAD"), command[3]), "HEAD")
        return "", 0


def git(*words: str) -> str:
    known = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    return subprocess.check_output(["git", *known, *words], text=True).strip()


@pytest.mark.process
def test_each_experiment_begins_at_the_commit_and_one_that_fails_stops_no_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    (tmp_path / "params.yaml").write_text("as committed\n")
    (tmp_path / "metrics/train.json").write_text("{}\n")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "All")
    recorder = Recorder()
    names = {"first": ["--set-param=dropout=0"], "second": ["fails"], "third": ["--set-param=patience=1"]}
    run_task(Task(git("rev-parse", "HEAD"), names), recorder)
    assert recorder.began == ["as committed\n"] * 3
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["name"] for each in told] == list(names)
    assert [each["output"] for each in told] == [None, "ERROR: it does\n", None]
    assert [each["result"] for each in told] == ["{}\n", "", "{}\n"]
    assert [each["computed"] for each in told] == [2, 0, 2]


@pytest.mark.process
def test_when_nobody_waits_any_more_dvc_ends_with_what_it_started(tmp_path, monkeypatch):
    """What a driver or a worker that is killed leaves of its pipe."""
    monkeypatch.chdir(tmp_path)
    for name in (*LIBRARIES, "dvc.cli", "dvc.stage.run"):
        if name.startswith("dvc."):  # what starts `dvc` imports these first: here empty ones
            folder = Path(*name.split("."))
            folder.mkdir(parents=True, exist_ok=True)
            for package in (folder, *folder.parents[:-1]):
                (package / "__init__.py").touch()
    Path("dvc/stage/run/__init__.py").write_text("_run = None\n")
    Path("dvc/cli/__init__.py").write_text(
        "import os, pathlib, subprocess, time\n"
        "def main(words):\n"
        "    child = subprocess.Popen(['sleep', '100'])\n"
        "    pathlib.Path('begun.part').write_text(f'{os.getpid()} {child.pid}')\n"
        "    os.rename('begun.part', 'begun')\n"
        "    time.sleep(100)\n"
    )
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "All")
    task = Task(git("rev-parse", "HEAD"), {"first": []})
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.experiments.task"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    process.stdin.write(f"{json.dumps(task._asdict())}\n")
    process.stdin.flush()
    while not Path("begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    running = [psutil.Process(int(pid)) for pid in Path("begun").read_text().split()]
    assert process.communicate(timeout=30) == ("", None)  # closes its standard input
    assert psutil.wait_procs(running, timeout=10)[1] == []

"""Stages as forks: what DVC must be like for it, and what a stage finds there. The rest is in tests/pipeline."""

import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from stages.experiments.warm import LIBRARIES, STAGE, _run
from tests.support.workspace import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked there")


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_is_loaded_beforehand_is_there(name: str):
    """Without one no sweep would start."""
    assert importlib.util.find_spec(name)


def test_every_stage_of_the_pipeline_can_be_one():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert [STAGE.fullmatch(stage["cmd"])[1] for stage in stages.values()] == [f"stages.{name}" for name in stages]


def test_dvc_calls_what_stands_in_the_place_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from dvc.stage import run

    called = []
    monkeypatch.setattr(run, "_run", lambda executable, command, **options: called.append((command, options)))
    repo = SimpleNamespace(root_dir=str(tmp_path))
    run.cmd_run(SimpleNamespace(addressing="check", cmd="python3 -m stages.check", wdir=str(tmp_path), repo=repo))
    ((command, options),) = called
    assert command == "python3 -m stages.check"
    assert options["cwd"] == str(tmp_path)
    assert options["env"]["DVC_STAGE"] == "check"


@pytest.mark.parametrize("command", ["python3 -m study.notes.findings", "python3 -m stages.check --help", "true"])
def test_any_other_command_is_the_shells(command: str):
    called = []
    _run(lambda *words, **options: called.append((words, options)), "/bin/sh", command, cwd="here", env={})
    assert called == [(("/bin/sh", command), {"cwd": "here", "env": {}})]


def test_where_another_thread_runs_the_stage_is_the_shells():
    called, end = [], threading.Event()
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        _run(lambda *words, **options: called.append(words), "/bin/sh", "python3 -m stages.check", cwd="", env={})
    finally:
        end.set()
        other.join()
    assert called == [("/bin/sh", "python3 -m stages.check")]


STAGE_OF_ITS_OWN = """
import atexit, os, sys
atexit.register(print, "tidied")
here = os.path.samefile(".", os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
command, open_files = open("/proc/self/comm").read().strip(), len(os.listdir("/proc/self/fd"))
print(command, __name__, __spec__.name, sys.orig_argv[1:], here, dict(os.environ), open_files)
sys.stderr.write("said\\n")
if "CODE" in os.environ:
    sys.exit(int(os.environ["CODE"]))
raise ValueError("a fault of the stage's")
"""
FORK = """
import atexit, sys
atexit.register(print, "the end")
from dvc.stage.exceptions import StageCmdFailedError
from stages.experiments.warm import _run
folder, environment = sys.argv[1], dict(word.split("=") for word in sys.argv[2:])
held = open(folder + "/stages/own.py")  # as DVC holds locks
try:
    _run(None, "/bin/sh", "python3 -m stages.own", cwd=folder, env=environment)
    print("ended well")
except StageCmdFailedError as error:
    print(f"{error}, {error.__cause__}")
"""


@pytest.mark.process
@pytest.mark.parametrize(
    ("environment", "ending"),
    [(["CODE=0"], "ended well"), (["CODE=2"], "exited with 2"), (["A=b"], "exited with 1")],
)
def test_a_stage_finds_its_own_sources_folder_and_environment_and_its_exit_code_is_dvcs(
    environment: list[str], ending: str, tmp_path: Path
):
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "stages/own.py").write_text(STAGE_OF_ITS_OWN)
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path), *environment], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, tidied, last, end = done.stdout.splitlines()
    assert (tidied, end) == ("tidied", "the end")
    name, value = environment[0].split("=")
    assert first == f"stages.own __main__ stages.own ['-m', 'stages.own'] True {{'{name}': '{value}'}} 4"
    assert ending in last
    assert done.stderr.startswith("said\n")
    assert ("ValueError: a fault of the stage's" in done.stderr) == (name != "CODE")

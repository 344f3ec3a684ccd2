"""Whether a dvc runs in this workspace, by DVC's own list of locked files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stages.commands.mend import TEMPORARY
from stages.commands.repro import _dvc_runs
from tests.support.workspace import python


def locked(pid: int) -> None:
    TEMPORARY.mkdir(parents=True, exist_ok=True)
    holder = {"pid": pid, "cmd": "dvc repro"}
    (TEMPORARY / "rwlock").write_text(json.dumps({"read": {"/a": [holder]}, "write": {"/b": holder}}))


def test_nothing_a_torn_list_and_a_dead_one_are_no_dvc(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not _dvc_runs()
    locked(2**22 + 1)
    assert not _dvc_runs()
    (TEMPORARY / "rwlock").write_text('{"re')
    assert not _dvc_runs()


@pytest.mark.process
@pytest.mark.parametrize(("word", "runs"), [("/somewhere/bin/dvc", True), ("/work/dvc-x/notes.txt", False)])
def test_a_living_one_is_known_by_its_name(word: str, runs: bool, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()", word], stdin=subprocess.PIPE) as process:
        locked(process.pid)
        assert _dvc_runs() is runs
        process.communicate(b"\n")


@pytest.mark.process
def test_a_process_does_not_wait_for_itself(tmp_path: Path):
    """The number of a dvc that was killed comes again, in a container soon."""
    imports = "import os; from tests.commands.test_repro import _dvc_runs, locked"
    code = f"{imports}; locked(os.getpid()); raise SystemExit(_dvc_runs())"
    assert python("-c", code, "/somewhere/bin/dvc", folder=tmp_path).returncode == 0

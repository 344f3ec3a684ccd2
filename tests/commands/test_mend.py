"""DVC's own files, torn as by SIGKILL, and mended."""

import json
import subprocess
from pathlib import Path

import pytest
from dvc.lock import make_lock

from stages.commands.mend import mend

pytestmark = pytest.mark.process

LOCK = "schema: '2.0'\nstages:\n  check:\n    cmd: python -m stages.check\n"
LOCKED = json.dumps({"read": {"a": [{"pid": 1, "cmd": "dvc repro"}]}})


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "dvc.lock").write_text(LOCK)
    for command in (["init", "-q"], ["add", "dvc.lock"], ["commit", "-q", "-m", "lock"]):
        subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *command], check=True)
    return tmp_path


@pytest.mark.parametrize("left", ["", LOCKED[:20], LOCKED[:-1]])
def test_a_torn_list_of_locked_files_is_removed(repository: Path, capsys, left: str):
    (repository / ".dvc/tmp/rwlock").write_text(left)
    mend()
    assert not (repository / ".dvc/tmp/rwlock").exists()
    assert capsys.readouterr().out == ".dvc/tmp/rwlock: half written by a dvc that was killed: removed\n"


@pytest.mark.parametrize("left", [LOCK[:-1], LOCK[:30]])
def test_a_torn_lock_file_is_the_committed_one_again(repository: Path, capsys, left: str):
    (repository / "dvc.lock").write_text(left)
    mend()
    assert (repository / "dvc.lock").read_text() == LOCK
    assert capsys.readouterr().out == "dvc.lock: half written by a dvc that was killed: the committed one is back\n"


@pytest.mark.parametrize("lock", [LOCK, LOCK + "  more: {}\n", "", f"<<<<<<< ours\n{LOCK}=======\n>>>>>>> theirs\n"])
def test_whole_files_are_left(repository: Path, capsys, lock: str):
    (repository / "dvc.lock").write_text(lock)
    (repository / ".dvc/tmp/rwlock").write_text(LOCKED)
    mend()
    assert (repository / "dvc.lock").read_text() == lock
    assert (repository / ".dvc/tmp/rwlock").read_text() == LOCKED
    assert capsys.readouterr().out == ""


def test_a_file_that_a_living_dvc_is_writing_is_left(repository: Path):
    (repository / ".dvc/tmp/rwlock").write_text(LOCKED[:20])
    with make_lock(".dvc/tmp/rwlock.lock", tmp_dir=".dvc/tmp"):
        mend()
    assert (repository / ".dvc/tmp/rwlock").read_text() == LOCKED[:20]


def test_nothing_there_is_nothing_to_mend(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mend()

"""What Git says of the repository of the project."""

import os
import subprocess

import pytest

from stages.base.errors import ProjectError
from stages.base.git import committed, configured, git, identity

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.json").write_bytes(b"{}\r\n")
    for command in (["init", "-q"], ["add", "a.json"], ["commit", "-q", "-m", "a"]):
        subprocess.run(["git", "-c", "user.name=T", "-c", "user.email=t@example.org", *command], check=True)


def test_a_file_of_the_last_commit_is_read_byte_for_byte_and_none_is_none(tmp_path):
    (tmp_path / "a.json").write_text("changed since")
    assert committed("a.json") == b"{}\r\n"
    assert committed("b.json") is None


def test_what_git_refuses_is_one_line():
    assert git("log", "--format=%s") == "a\n"
    with pytest.raises(ProjectError, match=r"^git checkout: error: pathspec 'nothing' did not match"):
        git("checkout", "nothing")


def test_without_git_there_is_nothing_and_no_traceback(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert (committed("a.json"), configured("NAME")) == (None, "")
    with pytest.raises(ProjectError, match=r"^git: not installed, or not on PATH$"):
        git("log")


def test_who_is_not_known_is_nobody_and_who_is_stays(monkeypatch, tmp_path):
    for variable in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(variable, os.devnull)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A")
    for variable in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(variable, raising=False)
    nobody = {"GIT_AUTHOR_EMAIL": "nobody@localhost", "GIT_COMMITTER_EMAIL": "nobody@localhost"}
    assert identity() == nobody | {"GIT_COMMITTER_NAME": "nobody"}
    git("config", "user.name", "T")
    assert identity() == nobody

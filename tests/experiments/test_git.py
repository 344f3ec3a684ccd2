"""What Git says of the repository of the project."""

import subprocess

import pytest

from stages.base.errors import ProjectError
from stages.experiments.git import committed, git

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

"""What `make doctor` says of a machine that lacks things, and of one that does not."""

import os
import shutil
import time
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.base import environment
from stages.base.errors import UserError
from stages.commands import doctor
from tests.support.clone import Clone
from tests.support.workspace import ROOT

COMMAND = ("python", "-m", "stages.commands.doctor")


def told(said: str) -> dict[str, str]:
    """What is said of each thing, with "WRONG" before it where it is."""
    found: dict[str, str] = {}
    name = ""
    for line in said.splitlines():
        if line[:1].strip():
            name = line[6:].split()[0]
        found[name] = f"{found.get(name, '')} {' '.join(line.split())}".strip()
    return found


@pytest.mark.process
def test_a_machine_that_has_everything_gets_ten_lines_and_zero(digits_clone: Clone):
    done = digits_clone.run(*COMMAND)
    assert done.stderr == ""
    assert list(told(done.stdout)) == list(doctor.LOOKED_AT)
    assert len(doctor.LOOKED_AT) == 10
    assert "WRONG" not in done.stdout
    assert digits_clone.git_status() == ""


@pytest.mark.process
def test_each_of_many_things_that_are_wrong_has_its_line_and_what_to_do(tmp_path: Path, monkeypatch):
    (tmp_path / "a clone").mkdir()
    clone = Clone(tmp_path / "a clone")
    for key in ("user.name", "user.email"):
        clone.run("git", "config", "--unset", key)
    clone.run("git", "remote", "add", "origin", "/nowhere")
    with (clone.folder / "requirements.txt").open("a") as pins:
        pins.write(f"no-such-thing==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    (clone.folder / ".dvc/config").write_text("[core]\n    remote = lost\n")
    for name, value in {
        "FASHION_MNIST_DIR": "/nowhere", "GIT_CONFIG_GLOBAL": os.devnull, "EPOCHS_CAP_GB": "much",
        "https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    done = clone.run(*COMMAND, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    said = told(done.stdout)
    expected = {
        "Python": "lacks no-such-thing==1.0 -> make, which installs them into .venv",
        "Git": '-> git config --global user.name "Your Name" -> git config --global user.email',
        "data": "Fashion-MNIST is not whole in data/raw or /nowhere, and no mirror answers -> make runs on",
        "remotes": "Git's origin cannot be reached: fatal: '/nowhere' does not appear to be a git repository",
        "epochs": "EPOCHS_CAP_GB: must be a number of GB, at least 0, got 'much'",
    }
    assert {name for name, line in said.items() if line.startswith("WRONG")} == expected.keys()
    for name, line in expected.items():
        assert line in said[name]
    clone.run("git", "remote", "remove", "origin")
    monkeypatch.chdir(clone.folder)
    assert doctor.look(doctor.remotes).text.startswith("DVC's lost cannot be reached: ")


def test_a_remote_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS", 0.1)
    repo = SimpleNamespace(cloud=SimpleNamespace(get_remote=lambda name: time.sleep(60)))
    assert doctor.storage_fault(repo, "slow") == "no answer in 0.1 seconds"


def test_too_little_of_the_machine_is_wrong(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(3 * 10**9))
    assert doctor.look(doctor.disk) == doctor.wrong(
        "3.0 GB free, 3.2 GB are needed", "dvc gc --workspace and make clean-epochs make room"
    )
    monkeypatch.setattr(os, "sysconf", lambda name: 1000)
    assert doctor.look(doctor.memory).text == "0.0 GB, 0.7 GB are needed"
    assert doctor.look(doctor.memory).wrong


@pytest.mark.process
def test_a_processor_is_told_by_what_it_means_for_the_bytes(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(environment, "cpu", lambda: "aarch64")
    assert "results differ in their last digits from the committed ones" in doctor.look(doctor.processor).text

    def refuse() -> None:
        raise UserError("the results cannot be made on this processor")

    monkeypatch.setattr(environment, "cpu", refuse)
    assert doctor.look(doctor.processor) == doctor.wrong("the results cannot be made on this processor", "")


def test_without_the_packages_it_still_says_what_it_can():
    def lacks() -> None:
        raise ModuleNotFoundError("No module named 'dvc'", name="dvc")

    assert doctor.look(lacks) == doctor.Found("not known: dvc is not installed", "make")


def test_what_a_library_says_of_a_broken_machine_is_the_finding():
    def breaks() -> None:
        raise RuntimeError("this is\nodd")

    assert doctor.look(breaks) == doctor.wrong("RuntimeError: this is odd", "docs/help.md")

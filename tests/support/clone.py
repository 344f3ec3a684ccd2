"""The real dvc, in a clone of the working tree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
import yaml

from stages.base.environment import environment
from tests.support.workspace import ROOT

HOOK = ROOT / "tests/support/hook"


class Clone:
    """The working tree with its uncommitted changes, committed in a Git repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.check_output(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
        )
        for name in filter(lambda name: (ROOT / name).is_file(), listed.splitlines()):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        self.run("git", "init", "--quiet", "--initial-branch=main")
        self.run("git", "config", "user.name", "Test")
        self.run("git", "config", "user.email", "test@example.org")
        self.commit()

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Return the clone in an existing folder."""
        clone = cls.__new__(cls)
        clone.folder = folder
        return clone

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone; the output is in the exception if it fails."""
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def dvc(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run dvc."""
        return self.run("dvc", *arguments, check=check, **environment)

    def lend_environment(self) -> None:
        """Make this Python environment the clone's own, so that make need not install one."""
        own = self.folder / ".venv"
        own.mkdir(exist_ok=True)
        for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
            theirs = Path(sys.prefix) / name
            if theirs.exists() and not (own / name).exists():
                (own / name).symlink_to(theirs)
        for stamp in (".made", ".run"):
            (own / stamp).touch()

    def commit(self) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "All")

    def git_status(self) -> str:
        """Return what `git status` lists as changed."""
        for path in self.folder.glob("*.yaml"):
            path.touch()  # DVC writes params.yaml twice within a second, and Git may not see the second change
        return self.run("git", "status", "--porcelain").stdout

    def outputs(self) -> dict[str, bytes]:
        """Return the contents of every output in dvc.lock by its path."""
        stages = yaml.safe_load((self.folder / "dvc.lock").read_text(encoding="utf-8"))["stages"].values()
        paths = [Path(output["path"]) for stage in stages for output in stage["outs"]]
        return {str(path): (self.folder / path).read_bytes() for path in paths if (self.folder / path).exists()}


def skip_elsewhere(clone: Clone) -> None:
    """Skip a test of bytes if the committed results come from another environment."""
    committed = json.loads(clone.run("git", "show", "HEAD:metrics/environment.json").stdout)
    if committed != environment():
        pytest.skip(f"the committed results come from another environment: {committed}")


def moment(at: str, do: str) -> dict[str, str]:
    """Return the environment in which a stage runs a shell command at an audit event, see hook/sitecustomize.py."""
    return {"PYTHONPATH": str(HOOK), "MOMENT": at, "DO": do}

"""The real dvc, in a clone of the working tree."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from stages.commands.install import MARK, digest, stamp
from stages.train import LIVE
from stages.training.store import STORE
from tests.support.workspace import ROOT


class Clone:
    """The working tree as it stands, committed in a Git repository of its own."""

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
        """One that is there."""
        clone = cls.__new__(cls)
        clone.folder = folder
        return clone

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone; the output is in the exception if it fails."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def lend_environment(self) -> None:
        """Make this Python environment the clone's own, so that make need not install one."""
        own = self.folder / ".venv"
        own.mkdir(exist_ok=True)
        for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
            theirs = Path(sys.prefix) / name
            if theirs.exists() and not (own / name).exists():
                (own / name).symlink_to(theirs)
        (own / MARK.name).touch()
        stamp(Path("requirements.txt"), own).write_text(digest(ROOT / "requirements.txt"))

    def commit(self) -> None:
        """Commit everything."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "All")

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run dvc."""
        return self.run("dvc", *arguments, check=check)

    def git_status(self) -> str:
        """What `git status` sees changed."""
        return self.run("git", "status", "--porcelain").stdout


def outputs(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for part in ("data", "models", "metrics", "plots")
        for path in (folder / part).rglob("*")
        if path.is_file() and path.name != LIVE.name and STORE.name not in path.parts
    }


def wait_for_queue(clone: Clone, seconds: float) -> dict[str, str]:
    """Wait until no queued experiment is waiting or running; the status of each by its task."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rows = [line.split() for line in clone.dvc("queue", "status").stdout.splitlines()]
        status = {row[0]: row[-1] for row in rows if row and re.fullmatch(r"[0-9a-f]{7}", row[0])}
        if status and not {"Queued", "Running"} & set(status.values()):
            return status
        time.sleep(1)
    raise AssertionError(clone.dvc("queue", "status").stdout)

"""Clones of the last commit, in which the pipeline runs without touching the workspace."""

import os
import subprocess
import sys
from pathlib import Path

from stages.base.errors import ProjectError, one_line
from stages.base.git import NOBODY, configured, git
from stages.data.raw_files import raw_folders, read_registry


def clone(folder: Path, cache: Path | str, source: Path | None = None) -> dict[str, str]:
    """Clone the last commit of a checkout into an empty folder.

    Args:
        folder: the empty folder.
        cache: DVC's cache for the clone; if relative, below its .dvc.
        source: the checkout; None: this one.

    Returns:
        The environment for commands that run in the clone: this Python's, and with this checkout's raw files.

    Raises:
        ProjectError: Git cannot clone, or what was given to DVC (`dvc add`) is not in its cache.
    """
    git("clone", "--quiet", *committer(), str(source or Path.cwd()), str(folder))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if sources := given_to_dvc():
        from dvc.repo import Repo

        with Repo() as repo:
            _use_cache(folder, repo.cache.local_cache_dir)
        command = [sys.executable, "-m", "dvc", "checkout", "--quiet", *sources]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ProjectError(f"dvc checkout {', '.join(sources)}: {one_line(done.stderr)}")
    _use_cache(folder, cache)
    names = [file.name for _, file in read_registry().files]
    if here := next((place for place in raw_folders() if all((place / name).is_file() for name in names)), None):
        environment["FASHION_MNIST_DIR"] = str(here.resolve())
    return environment


def committer() -> list[str]:
    """What `git clone` is told of who commits: it may be said in this repository alone, or nowhere; DVC commits."""
    return [f"--config=user.{what.lower()}={configured(what) or nobody}" for what, nobody in NOBODY.items()]


def given_to_dvc() -> list[str]:
    """The files by which DVC knows what Git has not, and no stage makes: folders of images, say."""
    return git("ls-files", "-z", "*.dvc").split("\0")[:-1]


def _use_cache(folder: Path, cache: Path | str) -> None:
    (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {cache}\n", encoding="utf-8")

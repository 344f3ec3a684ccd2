"""A fresh clone of the project's last commit, with an empty cache and parameters of its own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from stages.base.errors import ProjectError
from stages.experiments.clones import clone

ROOT = Path(__file__).resolve().parent.parent


class Workspace:
    """A clone of `source` that nothing has run in yet, with an empty cache; raw files are this checkout's."""

    def __init__(self, source: Path, folder: Path, params: dict[str, object]) -> None:
        self.folder = folder
        self.env = clone(folder, Path("cache"), source)
        self.env["DVC_SITE_CACHE_DIR"] = str(folder / ".dvc/tmp/site")  # what DVC remembers between runs
        self._lend_environment()
        self._write_params(params)
        for key, value in (("user.name", "Benchmark"), ("user.email", "benchmark@example.org")):
            self._git("config", key, value)
        self.commit()

    def commit(self) -> None:
        """Commit what has changed, so that an experiment starts from a clean workspace."""
        self._git("commit", "--quiet", "--all", "--allow-empty", "--message", "Benchmark")

    def forget_epochs(self) -> None:
        """Remove the store of computed epochs."""
        shutil.rmtree(self.folder / "models/.epochs", ignore_errors=True)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, check=True)

    def _lend_environment(self) -> None:
        own = self.folder / ".venv"  # a folder of links, since `make` would take a link for the user's own
        own.mkdir()
        for path in Path(sys.prefix).iterdir():
            (own / path.name).symlink_to(path)

    def _write_params(self, params: dict[str, object]) -> None:
        path = self.folder / "params.yaml"
        text = path.read_text(encoding="utf-8")
        for key, value in params.items():
            text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {'null' if value is None else value}", text)
        path.write_text(text, encoding="utf-8")


def lift_limit(root: Path) -> None:
    """Let oneDNN compute with whatever the processor can do: what somebody would write who wants that.

    Args:
        root: of a copy of the project.
    """
    path = root / "stages/training/backend.py"
    limit = r'(?m)^(os.environ\["ONEDNN_MAX_CPU_ISA"\] = )"AVX2"$'
    text, found = re.subn(limit, r'\1"DEFAULT"', path.read_text(encoding="utf-8"))
    if found != 1:
        raise ProjectError(f"{path}: no line that limits oneDNN to AVX2")
    path.write_text(text, encoding="utf-8")

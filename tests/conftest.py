"""Fixtures: a workspace to run stages in, the real data, and clones to drive the real dvc in."""

import ast
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from PIL import Image

from stages import evaluate, plot, prepare, train
from stages.core.datasets import Dataset, fashion_mnist
from stages.core.errors import DataUnreachable
from stages.core.images import Images

ROOT = Path(__file__).resolve().parent.parent

# Tests leave the root: relative folders would be lost on the way, and so would the files in data/raw.
os.environ["FASHION_MNIST_DIR"] = str(
    (ROOT / Path(os.environ.get("FASHION_MNIST_DIR") or "data/raw").expanduser()).resolve()
)
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ.pop("DVC_ROOT", None)


def write_params(folder: Path, **changes: object) -> None:
    """The committed params.yaml, comments and all, with some values changed or keys added."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for key, value in changes.items():
        written = "" if value is None else yaml.safe_dump(value, default_flow_style=True).split("\n")[0]
        line = f"{key}: {written}".rstrip()
        text, found = re.subn(rf"(?m)^{key}:.*$", line, text)
        if not found:
            text += f"{line}\n"
    (folder / "params.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, made the current one, with the parameters of a short run on the digits."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data/fashion_mnist.yaml", tmp_path / "data")
    write_params(tmp_path, dataset="digits", epochs=3)
    return tmp_path


def read_json(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def history() -> dict[str, list[float]]:
    with Path("plots/history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def run_stages(folder: Path, *stages, **params) -> None:
    write_params(folder, **{"dataset": "digits"} | params)
    for stage in stages:
        stage.main()


@pytest.fixture
def trained(workspace):
    run_stages(workspace, prepare, train, epochs=3)
    return workspace


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory) -> Path:
    """A folder with the outputs of every stage on the digits."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_params(folder, dataset="digits", epochs=2)
        for stage in (prepare, train, evaluate, plot):
            stage.main()
    return folder


@pytest.fixture
def complete(evaluated: Path, tmp_path: Path, monkeypatch) -> Path:
    """A copy of it, made the current folder."""
    shutil.copytree(evaluated, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="session")
def real_data() -> Dataset:
    """Fashion-MNIST, whole."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        return fashion_mnist()
    except DataUnreachable as error:
        pytest.skip(str(error))
    finally:
        os.chdir(before)


class Screen(io.StringIO):
    """What a terminal would show."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def read_terminal(ours: int) -> bytes:
    """What was written on the other side of a pseudo-terminal; nothing once that is closed."""
    try:
        return os.read(ours, 10_000)
    except OSError:  # how Linux says that it is
        return b""


def head(data: Images, rows: int) -> Images:
    """The first rows."""
    return Images(data.images[:rows], data.labels[:rows], data.classes)


def file_of(module: str) -> Path | None:
    path = ROOT / f"{module.replace('.', '/')}.py"
    return path if path.is_file() else None


def imported_files(path: Path, seen: set[Path]) -> set[Path]:
    """The files of stages/ and study/ that a file imports anywhere in it, directly or not, itself included."""
    if path in seen:
        return seen
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
        elif isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        else:
            continue
        for file in filter(None, map(file_of, filter(lambda name: name.startswith(("stages.", "study.")), modules))):
            imported_files(file, seen)
    return seen


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
        (own / ".installed").touch()  # newer than requirements.txt

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


@pytest.fixture(scope="module")
def reproduced_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which a short run on the digits has been reproduced and committed."""
    folder = tmp_path_factory.mktemp("clone") / "a folder with spaces"
    folder.mkdir()
    clone = Clone(folder)
    write_params(folder, dataset="digits", epochs=3)
    clone.dvc("repro")
    clone.commit()
    return clone


@pytest.fixture
def digits_clone(reproduced_clone: Clone) -> Iterator[Clone]:
    """The clone as it was committed, whatever an earlier test did to it."""
    yield reproduced_clone
    for name in reproduced_clone.run("git", "ls-files").stdout.splitlines():
        if (reproduced_clone.folder / name).exists():
            (reproduced_clone.folder / name).touch()  # or Git may not see what DVC changed: see `make back`
    reproduced_clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")
    reproduced_clone.dvc("checkout", "--quiet")


def write_pictures(folder: Path, data: Images) -> None:
    """Images as PNG files in a folder for each class, by their numbers."""
    for number, (pixels, label) in enumerate(zip(data.images, data.labels, strict=True)):
        path = folder / str(data.classes[label]) / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)

"""Fixtures: a workspace to run stages in, the real data, and clones to drive the real dvc in."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from stages import evaluate, forget_foreign, plot, prepare, train
from stages.base.errors import DataUnreachable
from stages.data.datasets import Dataset, fashion_mnist
from tests.support.clone import Clone
from tests.support.workspace import ROOT, run_stages, work_in_a_copy, write_params

# Tests leave the root: relative folders would be lost on the way, and so would the files in data/raw.
os.environ["FASHION_MNIST_DIR"] = str(
    (ROOT / Path(os.environ.get("FASHION_MNIST_DIR") or "data/raw").expanduser()).resolve()
)
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ.pop("DVC_ROOT", None)
forget_foreign()  # as every stage does
platform.processor()  # a library asks for it while it is imported, which starts a process: once, before any test

SLOW = ("process", "dvc", "acceptance")  # the markers of what `make unit` leaves out
PROCESSES = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}  # audit events
unmarked: str | None = None  # the test that runs now, if it has none of these markers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in tests/pipeline drives the real dvc."""
    for item in items:
        if item.path.is_relative_to(ROOT / "tests/pipeline"):
            item.add_marker("dvc")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note a test that must start no process."""
    global unmarked  # noqa: PLW0603
    unmarked = None if any(map(item.get_closest_marker, SLOW)) else item.nodeid
    try:
        return (yield)
    finally:
        unmarked = None


def refuse_processes(event: str, arguments: tuple) -> None:
    """An audit hook, so that no marker can be forgotten."""
    if unmarked and event in PROCESSES:
        raise AssertionError(f"{unmarked} starts {arguments[0]}: it needs @pytest.mark.process")


sys.addaudithook(refuse_processes)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, made the current one, with the parameters of a short run on the digits."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data/fashion_mnist.yaml", tmp_path / "data")
    write_params(tmp_path, dataset="digits", epochs=3)
    return tmp_path


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
    return work_in_a_copy(evaluated, tmp_path, monkeypatch)


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


@pytest.fixture(scope="session")
def first_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which a short run on the digits has been reproduced and committed; one for all workers."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "first-clone"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            clone = Clone(tmp_path_factory.mktemp("clone"))
            write_params(clone.folder, dataset="digits", epochs=3)
            clone.dvc("repro")
            clone.commit()
            clone.folder.rename(folder)
    return folder


@pytest.fixture
def first(first_clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A copy of it for one test, on a machine without an internet."""
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    shutil.copytree(first_clone, tmp_path / "first machine", symlinks=True)
    return Clone.at(tmp_path / "first machine")


@pytest.fixture(scope="module")
def reproduced_clone(first_clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of it, for the tests of one file."""
    folder = tmp_path_factory.mktemp("clone") / "a folder with spaces"
    shutil.copytree(first_clone, folder, symlinks=True)
    return Clone.at(folder)


@pytest.fixture
def digits_clone(reproduced_clone: Clone) -> Iterator[Clone]:
    """The clone as it was committed, whatever an earlier test did to it."""
    yield reproduced_clone
    for name in reproduced_clone.run("git", "ls-files").stdout.splitlines():
        if (reproduced_clone.folder / name).exists():
            (reproduced_clone.folder / name).touch()  # or Git may not see what DVC changed: see `make back`
    reproduced_clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")
    reproduced_clone.dvc("checkout", "--quiet")

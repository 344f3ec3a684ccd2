"""Fixtures: a workspace to run stages in, the data, finished runs, and clones to drive the real dvc in."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from stages import evaluate, plot, prepare, train
from stages.base import process
from stages.base.errors import DataUnreachable
from stages.data.datasets import fashion_mnist, sample
from stages.data.images import Dataset
from tests.support.clone import Clone
from tests.support.workspace import ROOT, SMALL, new_workspace, work_in_a_copy, write_params

# Tests leave the root: relative folders would be lost on the way, and so would the files in data/raw.
os.environ["FASHION_MNIST_DIR"] = str(
    (ROOT / Path(os.environ.get("FASHION_MNIST_DIR") or "data/raw").expanduser()).resolve()
)
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ.pop("DVC_ROOT", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever is in tests/pipeline, which runs commands, and whatever needs a trained model."""
    for item in items:
        if item.path.is_relative_to(ROOT / "tests/pipeline"):
            item.add_marker("dvc")
        if "evaluated" in getattr(item, "fixturenames", ()):
            item.add_marker("trains")


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restore the handlers of signals that `process.run` sets, and forget the signals."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)
    process._signals.clear()  # or the next stage in this process would end


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, made the current one, with the parameters of a short run on the sample."""
    monkeypatch.chdir(tmp_path)
    new_workspace(tmp_path, **SMALL, epochs=3)
    return tmp_path


@pytest.fixture
def prepared(workspace: Path) -> Path:
    """The same, with prepared images."""
    prepare.main()
    return workspace


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory) -> Path:
    """A folder with the outputs of every stage on the sample; tests must not change it."""
    folder = tmp_path_factory.mktemp("evaluated")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new_workspace(folder, **SMALL, epochs=2)
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
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        try:
            return fashion_mnist()
        except DataUnreachable as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def sample_data() -> Dataset:
    """The sample of Fashion-MNIST in the repository."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return sample()


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which a short run on the sample was reproduced and committed; one for all workers of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / "reproduced"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            clone = Clone(tmp_path_factory.mktemp("clone"))
            write_params(clone.folder, **SMALL, epochs=3)
            clone.dvc("repro")
            clone.commit()
            clone.folder.rename(folder)
    return folder


@pytest.fixture
def clone(reproduced: Path, tmp_path: Path) -> Clone:
    """A copy of it for one test, in which `make` finds an environment."""
    shutil.copytree(reproduced, tmp_path / "a folder with spaces", symlinks=True)
    copy = Clone.at(tmp_path / "a folder with spaces")
    copy.lend_environment()
    return copy

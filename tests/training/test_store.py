"""The store of epochs, with a training that is only arithmetic: no TensorFlow."""

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

from stages.base.params import Logs
from stages.training import store
from stages.training.store import StoredEpochs, digest
from tests.support.workspace import ROOT


class Variable:
    """The part of a Keras variable that the store uses."""

    def __init__(self, value: object) -> None:
        self.value = np.array(value)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.value.copy()

    def assign(self, value: np.ndarray) -> None:
        assert (value.dtype, value.shape) == (self.value.dtype, self.value.shape)
        self.value = value


class Training:
    """Two variables, and a function that computes an epoch and records its calls."""

    def __init__(self, key: str = "key", folder: Path = Path("store"), scale: float = 1.5) -> None:
        self.variables = [Variable(np.arange(6, dtype=np.float32).reshape(2, 3)), Variable(np.int64(0))]
        self.calls: list[int] = []
        self.scale = scale
        self.epochs = StoredEpochs(self.compute, self.variables, key, folder)

    def compute(self, epoch: int) -> Logs:
        self.calls.append(epoch)
        weights, counter = self.variables
        weights.value = weights.value * np.float32(self.scale) + epoch
        counter.value = np.array(counter.value + 1)
        return {"loss": 0.1 + float(weights.value.sum()) / 3, "accuracy": 1 / 3}

    def run(self, epochs: int) -> list:
        with self.epochs:
            logs = [self.epochs(epoch) for epoch in range(epochs)]
        return [logs, *(variable.value.tolist() for variable in self.variables)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clean(epochs: int) -> list:
    """Return the results of a training with an empty store."""
    return Training(folder=Path(f"nothing-{epochs}-{time.monotonic_ns()}")).run(epochs)


def record(epoch: int, key: str = "key") -> Path:
    """Return the record of an epoch, from 1."""
    (path,) = (Path("store") / key).glob(f"{epoch:06}-*")
    return path


def records(key: str = "key") -> list[Path]:
    return sorted(path for path in (Path("store") / key).iterdir() if path.is_file())


def test_what_was_computed_is_read_back_to_the_bit():
    first, again, more, fewer = Training(), Training(), Training(), Training()
    assert first.run(3) == again.run(3) == clean(3)
    assert (first.calls, again.calls) == ([0, 1, 2], [])
    assert more.run(5) == clean(5)
    assert more.calls == [3, 4]
    assert fewer.run(2) == clean(2)
    assert fewer.calls == []


DAMAGES = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:250] + b"?" + path.read_bytes()[251:]),
    "another epoch's": lambda path: shutil.copy(record(1), path),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_computed_again(damage: str):
    Training().run(4)
    DAMAGES[damage](record(3))
    again, repaired = Training(), Training()
    assert again.run(4) == repaired.run(4) == clean(4)
    assert (again.calls, repaired.calls) == ([2], [])
    assert again.epochs.summary().startswith("epochs 1-2, 4 read back")


def test_a_record_of_another_key_is_not_used():
    Training(key="other", scale=2).run(2)
    shutil.copytree("store/other", "store/key")
    training = Training()
    assert training.run(2) == clean(2)
    assert training.calls == [0, 1]


def test_a_record_is_used_only_from_the_state_in_which_it_was_computed():
    """A callback that changes the learning rate must not get epochs of another rate."""

    def run(change_after: int | None) -> list[int]:
        training = Training()
        with training.epochs:
            for epoch in range(4):
                training.epochs(epoch)
                if epoch == change_after:
                    training.variables[0].value[0, 0] += 1
        return training.calls

    assert run(None) == [0, 1, 2, 3]
    assert run(0) == [1, 2, 3]
    assert run(1) == [2, 3]
    # Each training has its own records from the first difference on.
    assert [run(change_after) for change_after in (None, 0, 1, None)] == [[]] * 4
    assert len(records()) == 4 + 3 + 2


def full(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("damage", "keyword"),
    [
        (lambda patch: Path("store").write_text("in the way"), "exists"),
        (lambda patch: patch.setattr(Path, "write_bytes", full), "No space left"),
        (lambda patch: patch.setattr(Path, "replace", full), "No space left"),
    ],
)
def test_a_store_that_cannot_be_written_is_one_line_and_training_goes_on(damage, keyword: str, monkeypatch, capsys):
    expected = clean(3)
    damage(monkeypatch)
    training = Training()
    assert training.run(3) == expected
    assert training.calls == [0, 1, 2]
    (line,) = capsys.readouterr().err.splitlines()
    assert keyword in line
    assert list(Path("store").glob("key/*")) == []


@pytest.mark.process
def test_a_second_process_reads_what_is_there_then_waits_and_reads_the_rest(capsys):
    Training().run(2)
    code = (
        "import sys, time; from pathlib import Path; from tests.training.test_store import Training\n"
        "training = Training(folder=Path('store'))\n"
        "with training.epochs:\n"
        "    for epoch in range(4): training.epochs(epoch)\n"
        "    print('computed', flush=True); sys.stdin.readline()\n"
        "    training.epochs(4)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert first.stdout.readline() == "computed\n"
    reader = Training()
    assert reader.run(4) == clean(4)  # while the first still computes
    assert reader.calls == []

    waiting = Training()
    results = []
    thread = threading.Thread(target=lambda: results.append(waiting.run(5)))
    thread.start()
    thread.join(0.5)
    assert thread.is_alive()
    first.communicate("go on\n")
    thread.join(20)
    assert results == [clean(5)]
    assert waiting.calls == []
    assert "another process" in capsys.readouterr().err


def share_is(cap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the bytes that the store may have."""

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=cap / store.SHARE - sum(file.stat().st_size for file in path.rglob("0*")))

    monkeypatch.setattr(shutil, "disk_usage", usage)


def test_the_least_recently_used_keys_in_which_no_process_computes_are_evicted_whole(monkeypatch):
    for key in ("a", "b", "c"):
        Training(key=key).run(4)
    share_is(3 * sum(path.stat().st_size for path in records("a")), monkeypatch)
    for age, key in enumerate(("c", "b", "a")):
        os.utime(Path("store") / key, (1000 + age, 1000 + age))
    Training(key="c").run(4)  # used now, so b is the least recently used
    with FileLock("store/b.lock"):
        Training(key="d").run(4)
    left = {path.name for path in Path("store").iterdir() if path.is_dir()}
    assert left == {"b", "c", "d"}
    assert all(len(records(key)) == 4 for key in left)


def test_a_training_larger_than_the_cap_goes_on_without_the_store(monkeypatch, capsys):
    Training(folder=Path("measure")).run(1)
    (measured,) = Path("measure/key").iterdir()
    share_is(2 * measured.stat().st_size + 10, monkeypatch)
    training = Training()
    assert training.run(4) == clean(4)
    assert len(records()) == 2
    assert "share of the free disk" in capsys.readouterr().err
    again = Training()
    assert again.run(4) == clean(4)
    assert again.calls == [2, 3]


def test_lists_with_the_same_bytes_have_different_digests():
    lists = [
        (b"ab", b"c"), (b"a", b"bc"), (b"abc",), ("abc",), (np.frombuffer(b"abc", np.uint8),), (b"abc", b""),
        (np.zeros(4, np.int32),), (np.zeros((2, 2), np.int32),), (np.zeros(4, np.float32),), (np.zeros(2, np.int64),),
    ]  # fmt: skip
    assert len({digest(*parts) for parts in lists}) == len(lists)
    transposed = np.arange(6).reshape(2, 3).T
    assert digest(transposed) == digest(transposed.copy())

"""The store of epochs, with a training that is only arithmetic: no TensorFlow."""

import errno
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stages.base.params import Logs
from stages.training import store
from stages.training.store import StoredEpochs


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

    def __init__(self, key: str = "key") -> None:
        self.variables = [Variable(np.arange(6, dtype=np.float32).reshape(2, 3)), Variable(np.int64(0))]
        self.calls: list[int] = []
        self.epochs = StoredEpochs(self.compute, self.variables, key, Path("store"))

    def compute(self, epoch: int) -> Logs:
        self.calls.append(epoch)
        weights, counter = self.variables
        weights.value = weights.value * np.float32(1.5) + epoch
        counter.value = np.array(counter.value + 1)
        return {"loss": 0.1 + float(weights.value.sum()) / 3, "accuracy": 1 / 3}

    def results(self, run_epoch: Callable[[int], Logs], epochs: int) -> list:
        return [[run_epoch(epoch) for epoch in range(epochs)], *(each.value.tolist() for each in self.variables)]

    def run(self, epochs: int) -> list:
        with self.epochs:
            return self.results(self.epochs, epochs)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clean(epochs: int) -> list:
    """Return the results of a training without a store."""
    training = Training()
    return training.results(training.compute, epochs)


def records(key: str = "key") -> list[Path]:
    return sorted(path for path in (Path("store") / key).iterdir() if path.is_file())


def test_what_was_computed_is_read_back_to_the_bit():
    first, again, more, fewer = Training(), Training(), Training(), Training()
    assert first.run(3) == again.run(3) == clean(3)
    assert (first.calls, again.calls) == ([0, 1, 2], [])
    assert more.run(5) == clean(5)
    assert more.calls == [3, 4]
    assert more.epochs.summary() == "epochs 1-3 read back (computed before, in models/.epochs), 4-5 computed"
    assert fewer.run(1) == clean(1)
    assert fewer.calls == []
    assert fewer.epochs.summary().startswith("epochs 1 read back")


DAMAGES = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "one bit": lambda path: path.write_bytes(path.read_bytes()[:250] + b"?" + path.read_bytes()[251:]),
    "another epoch's": lambda path: shutil.copy(records()[0], path),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_from_a_damaged_record_on_epochs_are_computed_again(damage: str):
    Training().run(4)
    DAMAGES[damage](records()[2])
    again, repaired = Training(), Training()
    assert again.run(4) == repaired.run(4) == clean(4)
    assert (again.calls, repaired.calls) == ([2, 3], [])


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
    damage(monkeypatch)
    training = Training()
    assert training.run(3) == clean(3)
    (line,) = capsys.readouterr().err.splitlines()
    assert keyword in line
    assert list(Path("store").glob("key/*")) == []


@pytest.mark.parametrize(("stored", "note"), [(True, "after epoch 2 (stored: 1-2)"), (False, "after epoch 2")])
def test_an_interruption_names_the_epochs_that_are_finished(stored: bool, note: str):
    Training().run(1)
    training = Training()
    training.epochs.writable = stored
    training.run(2)
    stop = KeyboardInterrupt()
    training.epochs.__exit__(KeyboardInterrupt, stop, None)
    assert stop.__notes__ == [note]


def test_a_second_training_reads_what_is_there_then_waits_and_reads_the_rest(capsys):
    computing, reading, waiting = Training(), Training(), Training()
    results = []
    thread = threading.Thread(target=lambda: results.append(waiting.run(5)), daemon=True)
    with computing.epochs:
        computing.results(computing.epochs, 4)
        assert reading.run(4) == clean(4)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        computing.epochs(4)
    thread.join(20)
    assert results == [clean(5)]
    assert (reading.calls, waiting.calls) == ([], [])
    assert "another process" in capsys.readouterr().err


def test_the_least_recently_used_keys_make_room_on_a_full_disk(monkeypatch):
    for age, key in enumerate(("c", "b", "a")):
        Training(key).run(4)
        os.utime(Path("store") / key, (1000 + age, 1000 + age))
    room = sum(path.stat().st_size for key in "abc" for path in records(key))

    def usage(path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=store.SPARE + room - sum(file.stat().st_size for file in path.rglob("0*")))

    def left() -> dict[str, int]:
        return {folder.name: len(records(folder.name)) for folder in Path("store").iterdir() if folder.is_dir()}

    monkeypatch.setattr(shutil, "disk_usage", usage)
    Training("c").run(4)  # used now, so b is the least recently used
    Training("d").run(4)
    assert left() == {"a": 4, "c": 4, "d": 4}
    room = 0
    assert Training("e").run(4) == clean(4)
    assert left() == {"e": 4}

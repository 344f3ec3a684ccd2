"""The store of epochs with a training that is only arithmetic: no TensorFlow."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from stages.base.errors import UserError
from stages.base.params import Logs
from stages.training import store
from stages.training.store import StoredEpochs, digest, spans
from tests.support.workspace import ROOT


class Variable:
    """What the store asks of a variable."""

    def __init__(self, value: object) -> None:
        self.value = np.array(value)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.value.copy()

    def assign(self, value: np.ndarray) -> None:
        assert (value.dtype, value.shape) == (self.value.dtype, self.value.shape)
        self.value = value


class Training:
    """Two variables, and an epoch that counts its calls."""

    def __init__(
        self, key: str = "key", folder: Path = Path("store"), scale: float = 1.5, cap: float = store.CAP
    ) -> None:
        self.variables = [Variable(np.arange(6, dtype=np.float32).reshape(2, 3)), Variable(np.int64(0))]
        self.calls: list[int] = []
        self.scale = scale
        self.epochs = StoredEpochs(self.compute, self.variables, key, folder, cap)

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
    """The results without any store."""
    return Training(folder=Path(f"nothing-{epochs}-{time.monotonic_ns()}")).run(epochs)


def record(epoch: int, key: str = "key") -> Path:
    """That of an epoch, from 1."""
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
    assert first.epochs.summary() == "epochs 1-3 computed"
    assert more.epochs.summary() == "epochs 1-3 read back (computed before, in models/.epochs), 4-5 computed"


def test_another_key_computes_anew():
    Training().run(2)
    other = Training(key="other", scale=2)
    assert other.run(2) == Training(folder=Path("nothing"), scale=2).run(2)
    assert other.calls == [0, 1]


def flip(path: Path, position: int) -> None:
    contents = bytearray(path.read_bytes())
    contents[position] ^= 1
    path.write_bytes(contents)


DAMAGES = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "half": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "empty": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "one bit of the seal": lambda path: flip(path, 5),
    "one bit of a weight": lambda path: flip(path, 250),
    "one bit at the end": lambda path: flip(path, -1),
    "another epoch's": lambda path: shutil.copy(record(1), path),
    "foreign": lambda path: path.write_bytes(b"not a record\n" * 9),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_said_in_a_line_and_computed_again(damage: str, capsys):
    Training().run(4)
    damaged = record(3)
    DAMAGES[damage](damaged)
    again = Training()
    assert again.run(4) == clean(4)
    assert again.calls == [2]
    assert again.epochs.summary() == "epochs 1-2, 4 read back (computed before, in models/.epochs), 3 computed"
    assert capsys.readouterr().err == f"{damaged} is damaged: epoch 3 is computed\n"
    healed = Training()
    healed.run(4)
    assert healed.calls == []


def test_a_record_of_another_key_is_not_used():
    Training(key="other", scale=2).run(2)
    shutil.copytree("store/other", "store/key")
    training = Training()
    assert training.run(2) == clean(2)
    assert training.calls == [0, 1]


def test_a_record_is_used_only_from_the_state_in_which_it_was_computed(capsys):
    """So that a callback which changes the learning rate, say, does not get epochs of another rate."""

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
    # Each has records of its own from where they part: none is computed again, and no sound one is called damaged.
    assert [run(change_after) for change_after in (None, 0, 1, None)] == [[]] * 4
    assert len(records()) == 4 + 3 + 2
    assert capsys.readouterr().err == ""


def test_a_folder_in_the_place_of_a_record_is_no_end(capsys):
    Training().run(1)
    path = record(1)
    path.unlink()
    path.mkdir()
    training = Training()
    assert training.run(2) == clean(2)
    assert training.calls == [0, 1]
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f"{path} cannot be read (Is a directory): epoch 1 is computed",
        "store cannot be written (Is a directory): training goes on without it",
    ]


@pytest.mark.parametrize("place", ["store", "store/key"])
def test_a_file_in_the_place_of_a_folder_is_no_end(place: str, capsys):
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text("in the way")
    training = Training()
    assert training.run(2) == clean(2)
    assert training.epochs.summary() == "epochs 1-2 computed"
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("store cannot be written (")
    assert lines[-1].endswith("): training goes on without it")
    assert Path(place).read_text() == "in the way"


def test_deleting_the_store_in_the_middle_costs_time_only():
    training = Training()
    with training.epochs:
        training.epochs(0)
        shutil.rmtree("store")
        training.epochs(1)
    assert records() == [record(2)]
    assert Training().run(2) == clean(2)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_no_space_left_is_said_once_and_training_goes_on(moment: str, monkeypatch, capsys):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": (os, "fsync"), "replace": (Path, "replace")}[moment], full)
    training = Training()
    assert training.run(3) == clean(3)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("store ")]
    assert said == ["store cannot be written (No space left on device): training goes on without it"]
    assert list(Path("store/key").iterdir()) == []


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
    assert "another process computes the same epochs: waiting for it to end" in capsys.readouterr().err


@pytest.mark.process
def test_the_lock_of_a_dead_process_does_not_block():
    code = (
        "import os, signal; from pathlib import Path; from tests.training.test_store import Training\n"
        "training = Training(folder=Path('store')); training.epochs(0); os.kill(os.getpid(), signal.SIGKILL)"
    )
    dead = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert dead.returncode == -9
    training = Training()
    assert training.run(2) == clean(2)
    assert training.calls == [1]


def test_the_least_recently_used_keys_are_evicted_whole_and_the_cap_holds():
    for key in ("a", "b", "c"):
        Training(key=key).run(4)
    size = sum(path.stat().st_size for path in records("a"))
    cap = 3 * size / 1e9
    for age, key in enumerate(("b", "c", "a")):
        os.utime(Path("store") / key, (1000 + age, 1000 + age))
    Training(key="b", cap=cap).run(4)  # used now
    assert Training(key="d", cap=cap).run(4)
    left = {path.name for path in Path("store").iterdir() if path.is_dir()}
    assert left == {"a", "b", "d"}
    assert all(len(records(key)) == 4 for key in left)
    assert sum(path.stat().st_size for key in left for path in records(key)) <= cap * 1e9


@pytest.mark.process
def test_a_key_in_which_a_process_computes_is_not_evicted():
    Training(key="busy").run(2)
    os.utime("store/busy", (1000, 1000))
    Training(key="idle").run(2)
    cap = (sum(path.stat().st_size for path in records("busy")) * 2 + 10) / 1e9
    code = (
        "from filelock import FileLock; lock = FileLock('store/busy.lock'); lock.acquire()\n"
        "print('held', flush=True); input()"
    )
    busy = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert busy.stdout.readline() == "held\n"
    Training(key="new", cap=cap).run(2)
    busy.communicate("\n")
    assert {path.name for path in Path("store").iterdir() if path.is_dir()} == {"busy", "new"}


def test_a_training_larger_than_the_cap_goes_on_without_the_store(capsys):
    Training(folder=Path("measure")).run(1)
    (measured,) = Path("measure/key").iterdir()
    cap = (2 * measured.stat().st_size + 10) / 1e9
    training = Training(cap=cap)
    assert training.run(4) == clean(4)
    assert len(records()) == 2
    said = capsys.readouterr().err
    reached = f"its cap of {cap:g} GB is reached; EPOCHS_CAP_GB sets another"
    assert f"store cannot be written ({reached}): training goes on without it" in said
    again = Training()
    assert again.run(4) == clean(4)
    assert again.calls == [2, 3]


def test_reading_needs_no_lock():
    Training().run(2)
    with FileLock("store/key.lock"):
        assert Training().run(2) == clean(2)


def test_an_interruption_says_where_it_came_and_what_is_stored():
    Training().run(2)
    training = Training()

    def interrupted(epoch: int) -> Logs:
        raise KeyboardInterrupt

    training.epochs.run_epoch = interrupted
    with pytest.raises(KeyboardInterrupt) as stop:
        training.run(4)
    assert stop.value.__notes__ == ["in epoch 3", "(stored: 1-2)"]


def test_a_digest_tells_lists_apart_that_hold_the_same_bytes():
    lists = [
        (b"ab", b"c"), (b"a", b"bc"), (b"abc",), ("abc",), (np.frombuffer(b"abc", np.uint8),), (b"abc", b""),
        (np.zeros(4, np.int32),), (np.zeros((2, 2), np.int32),), (np.zeros(4, np.float32),), (np.zeros(2, np.int64),),
    ]  # fmt: skip
    assert len({digest(*parts) for parts in lists}) == len(lists)
    transposed = np.arange(6).reshape(2, 3).T
    assert digest(transposed) == digest(transposed.copy())


def test_epochs_are_counted_from_one_in_spans():
    assert [spans(epochs) for epochs in ([], [0], [0, 1, 2], [0, 1, 3, 5, 6])] == ["", "1", "1-3", "1-2, 4, 6-7"]


def test_the_counts_are_handed_to_whoever_asks_for_them(tmp_path: Path, monkeypatch):
    training = Training()
    training.epochs.read_back, training.epochs.computed = [0, 1, 2, 4], [3, 5]
    training.epochs.hand_over()
    assert list(tmp_path.glob("*.json")) == []
    monkeypatch.setenv(store.COUNTS_TO, str(tmp_path / "counts.json"))
    training.epochs.hand_over()
    assert json.loads((tmp_path / "counts.json").read_text()) == {"read_back": 4, "computed": 2}


@pytest.mark.parametrize(("said", "cap"), [("", store.CAP), ("0", 0), ("0.5", 0.5), ("100", 100)])
def test_the_environment_says_how_much_it_may_hold(said: str, cap: float, monkeypatch):
    monkeypatch.setenv("EPOCHS_CAP_GB", said)
    assert store.cap() == cap


@pytest.mark.parametrize("said", ["much", "10G", "-1", "nan", "inf"])
def test_what_is_no_cap_is_refused(said: str, monkeypatch):
    monkeypatch.setenv("EPOCHS_CAP_GB", said)
    with pytest.raises(UserError, match=rf"^EPOCHS_CAP_GB: must be a number of GB, at least 0, got '{said}'$"):
        store.cap()

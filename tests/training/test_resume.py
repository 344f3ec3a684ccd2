"""No epoch is computed twice, whatever is killed or changed; and the bytes are those of one run from nothing."""

import itertools
import os
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages import prepare, train
from stages.base.environment import environment
from stages.data.datasets import Dataset, digits
from stages.data.images import Images
from stages.training import epochs, store
from stages.training.backend import keras
from stages.training.model import compiled_model
from stages.training.store import stored_history
from tests.support.sources import imports
from tests.support.workspace import ROOT, head, params, write_params

pytestmark = pytest.mark.trains


def written() -> dict[str, bytes]:
    """The outputs of train in the current folder."""
    folders = ("models", "plots", "metrics")
    return {
        path.as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and path.name not in ("data.json", "live.csv")
    }


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """Every call of the function that computes an epoch."""
    counted: list[int] = []
    original = epochs.epoch_runner

    def counting(*arguments) -> Callable:
        run_epoch = original(*arguments)

        def counted_run(epoch: int) -> dict[str, float]:
            counted.append(epoch)
            return run_epoch(epoch)

        return counted_run

    monkeypatch.setattr("stages.training.epochs.epoch_runner", counting)
    return counted


SHORT = {"dataset": "digits", "limit": 200, "hidden_units": 8, "epochs": 8, "learning_rate": 0.05, "patience": 2}
numbers = itertools.count()


def run(**changes: object) -> dict[str, bytes]:
    """Train with the store of the current folder."""
    write_params(Path(), **(SHORT | changes))
    train.main()
    return written()


def from_nothing(**changes: object) -> dict[str, bytes]:
    """The same with a store of its own, empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(Path(f"elsewhere-{next(numbers)}").resolve()))
        return run(**changes)


@pytest.fixture
def prepared(workspace: Path) -> Path:
    write_params(workspace, **SHORT)
    prepare.main()
    return workspace


CHANGES = [  # before, after, how many epochs are new
    ({"epochs": 3, "patience": None}, {"epochs": 5, "patience": None}, 2),
    ({"epochs": 5, "patience": None}, {"epochs": 3, "patience": None}, 0),
    ({"patience": 1}, {"patience": None}, None),
    ({"patience": None}, {"patience": 1}, 0),
    ({"patience": None}, {"patience": 2, "min_delta": 0.05}, 0),
    ({"patience": None}, {"patience": None, "save_best_only": False}, 0),
    ({"patience": None}, {"patience": 3, "restore_best_weights": False}, 0),
    *(({"patience": None}, {"patience": 3, "monitor": name}, 0) for name in ("loss", "accuracy", "val_accuracy")),
]


@pytest.mark.parametrize(("before", "after", "new"), CHANGES, ids=[str(after) for _, after, _ in CHANGES])
def test_a_change_computes_only_the_epochs_that_are_new(prepared, calls, capsys, *, before, after, new):
    run(**before)
    done = len(calls)
    changed = run(**after)
    printed = capsys.readouterr().out
    computed = calls[done:]
    assert computed == list(range(done, 8)) if new is None else len(computed) == new
    assert changed == from_nothing(**after)
    assert f"epochs 1-{done if computed else len(changed['plots/history.csv'].splitlines()) - 1} read back" in printed


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "val_loss", "val_accuracy"])
def test_everything_read_back_works_for_each_monitor(prepared, calls, monitor: str):
    first = run(monitor=monitor)
    done = len(calls)
    assert run(monitor=monitor) == first
    assert len(calls) == done


def test_another_seed_shares_nothing(prepared, calls):
    first = run(epochs=2)
    assert run(epochs=2, seed=7) != first
    assert calls == [0, 1, 0, 1]


def key(data: Images, **changes: object) -> str:
    val, environment = changes.pop("val", data), changes.pop("environment", {"numpy": "2"})
    given = params(**{"hidden_units": 8} | changes)
    model = compiled_model(data, given)
    return store.epoch_key(model, data, val, batch_size=given.batch_size, seed=given.seed, environment=environment)


def test_whatever_decides_an_epoch_changes_the_key(real_data: Dataset, monkeypatch, tmp_path: Path):
    data = head(real_data.train, 20)
    keys = [key(data), key(head(real_data.train, 19)), key(data, val=head(real_data.train, 19))]
    for name, value in {
        "hidden_units": 9, "dropout": 0, "optimizer": "sgd", "learning_rate": 0.2, "seed": 2, "batch_size": 5,
        "environment": {"numpy": "3"},
    }.items():  # fmt: skip
        keys.append(key(data, **{name: value}))
    one_pixel = data.images.copy()
    one_pixel[3, 4, 5] ^= 1
    keys.append(key(data._replace(images=one_pixel)))
    keys.append(key(data._replace(labels=data.labels[::-1].copy())))
    for name, value in (("ONEDNN_MAX_CPU_ISA", "DEFAULT"), ("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            keys.append(key(data))
    for name, value in (("model.MOST_IMAGES", 512), ("backend.threads", lambda: 2)):
        with monkeypatch.context() as patch:
            patch.setattr(f"stages.training.{name}", value)
            keys.append(key(data))
    for name in store.COMPUTING:
        copy = tmp_path / name.removesuffix(".py")
        shutil.copytree(ROOT / "stages/training", copy)
        with (copy / name).open("a") as file:
            file.write("\n")
        with monkeypatch.context() as patch:
            patch.setattr(store, "__file__", str(copy / "store.py"))
            keys.append(key(data))
    assert len(set(keys)) == len(keys)
    assert key(data) == keys[0]
    assert set(environment(["A card"])) >= {"cpu", "gpu", "keras", "numpy", "tensorflow"}


def test_what_the_key_names_imports_nothing_else_that_computes():
    """Types, errors and words: a change in them changes no epoch."""
    computing = {ROOT / "stages/training" / name for name in store.COMPUTING}
    taken = set().union(
        *(names for file in computing for other, names in imports(file).items() if other not in computing)
    )
    assert taken == {
        "METRICS", "Images", "Logs", "PARAMS_FILE", "ProjectError", "TrainingParams", "UserError", "one_line",
        "without",
    }  # fmt: skip
    assert ROOT / "stages/training/epochs.py" in computing


class SimulatedKillError(BaseException):
    """In the place of SIGKILL where a process of its own would take too long."""


left: int | None = None


def kill_at_a_write(event: str, arguments: tuple) -> None:
    """An audit hook: ends the training at one of the places where it opens or renames an unfinished file."""
    global left  # noqa: PLW0603
    if left is not None and event in ("open", "os.rename") and re.search(r"\.unfinished-|\.tmp", str(arguments[0])):
        left -= 1
        if left < 0:
            left = None
            raise SimulatedKillError


sys.addaudithook(kill_at_a_write)

STEP = st.tuples(
    st.sampled_from([None, 1, 2, 4]), st.integers(1, 6), st.one_of(st.none(), st.integers(0, 30))
)  # patience, epochs, the write at which it is killed


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "4")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEP, min_size=2, max_size=4))
def test_any_sequence_of_kills_and_changes_ends_at_the_bytes_of_one_clean_run(prepared, calls, steps):
    global left  # noqa: PLW0603
    shutil.rmtree("models/.epochs", ignore_errors=True)
    calls.clear()
    for patience, count, kill in steps:
        left = kill
        with suppress(SimulatedKillError):
            run(patience=patience, epochs=count)
        left = None
    patience, count, _ = steps[-1]
    ended = run(patience=patience, epochs=count)
    repeated = len(calls) - len(set(calls))
    assert repeated <= sum(kill is not None for *_, kill in steps)  # a kill costs at most the epoch it falls into
    assert ended == from_nothing(patience=patience, epochs=count)


def test_the_history_of_a_whole_training_is_stored_without_its_states(workspace: Path, calls, capsys):
    data, small = digits(), params(hidden_units=8, seed=1)
    train_set, val = head(data.train, 200), head(data.test, 100)

    def stored(shift: float = 0) -> tuple[dict[str, list[float]], int]:
        model = compiled_model(train_set, small)
        for weights in model.trainable_variables:
            weights.assign_add(keras.ops.full_like(weights, shift))
        return stored_history(model, train_set, val, {}, 3, batch_size=32, seed=1)

    model = compiled_model(train_set, small)
    plain = epochs.run_epochs(model, epochs.epoch_runner(model, train_set, val, 32, 1), 3, [])
    calls.clear()
    assert stored() == (plain, 3)
    assert stored() == (plain, 0)
    assert calls == [0, 1, 2]
    (record,) = Path("models/.epochs").glob("*/[0-9]*")
    assert record.stat().st_size < 4096
    record.write_bytes(record.read_bytes()[:-1])
    assert stored() == (plain, 3)
    assert "is damaged: epoch 3 is computed" in capsys.readouterr().err
    other, computed = stored(shift=0.1)  # from other weights
    assert computed == 3
    assert other != plain

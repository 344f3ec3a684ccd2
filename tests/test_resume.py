"""No epoch is computed twice, whatever is killed or changed; and the bytes are those of one run from nothing."""

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages import prepare, train
from stages.core import epochs
from stages.core.datasets import Dataset
from stages.core.environment import environment
from stages.core.images import Images
from stages.core.model import build_model, compile_model, dropout_layer
from tests.conftest import ROOT, Clone, head, imported_files, write_params
from tests.test_dvc import wait_for_queue
from tests.test_same_bytes import made


def written() -> dict[str, bytes]:
    """The outputs of train in the current folder."""
    folders = ("models", "plots", "metrics")
    return {
        path.as_posix(): path.read_bytes()
        for folder in folders
        for path in sorted(Path(folder).iterdir())
        if path.is_file() and path.name != "data.json"
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

    monkeypatch.setattr("stages.core.epochs.epoch_runner", counting)
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
    given = {"hidden_units": 8, "dropout": 0.3, "optimizer": "adam", "learning_rate": 0.1, "seed": 1, "batch_size": 4}
    given |= {"environment": {"numpy": "2"}} | changes
    layer = dropout_layer(given["dropout"], given["seed"])
    model = build_model(data.images.shape[1:], len(data.classes), given["hidden_units"], layer, given["seed"])
    compile_model(model, given["optimizer"], given["learning_rate"])
    val = given.get("val", data)
    return epochs.epoch_key(
        model, data, val, batch_size=given["batch_size"], seed=given["seed"], environment=given["environment"]
    )


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
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    keys.append(key(data))
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    for name in epochs.SOURCES:
        copy = tmp_path / name.removesuffix(".py")
        shutil.copytree(ROOT / "stages/core", copy)
        with (copy / name).open("a") as file:
            file.write("\n")
        with monkeypatch.context() as patch:
            patch.setattr(epochs, "__file__", str(copy / "epochs.py"))
            keys.append(key(data))
    assert len(set(keys)) == len(keys)
    assert key(data) == keys[0]
    assert set(environment(["A card"])) >= {"cpu", "gpu", "keras", "numpy", "tensorflow"}


def test_the_key_names_every_module_that_the_loop_imports():
    imported = {file.name for file in imported_files(ROOT / "stages/core/epochs.py", set())}
    assert set(epochs.SOURCES) == imported


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


# Moments at which `dvc repro` dies, one after the other in one training: see killed/sitecustomize.py.
MOMENTS = {
    "as the first record is opened": "open:.unfinished-000001:1:group",
    "as a record gets its name": "os.rename:.unfinished-000002:1:group",
    "between a record and its checkpoint": "open:.unfinished-best-model.keras:2:group",
    "dvc alone, in a record": "open:.unfinished-000003:1:dvc",
    "as the whole model is written, after the last epoch": "open:.unfinished-model_whole.keras:1:group",
    "between two outputs": "os.rename:models/.unfinished-model_whole.keras:1:group",
}
MORE_MOMENTS = {
    "as the checkpoint is made canonical": "os.rename:best-model.keras.tmp:1:group",
    "in the middle of the weights": "exists:models/.unfinished-model.weights.h5",
    "as the environment is written, after the weights": "open:.unfinished-environment.json:1:group",
    "as the history is written": "open:.unfinished-history.csv:1:group",
    "as the metrics are written": "open:.unfinished-train.json:1:group",
    "before the first output gets its name": "os.rename:models/.unfinished-best-model.keras:1:group",
    "before the last output gets its name": "os.rename:metrics/.unfinished-train.json:1:group",
    "dvc alone, after the last epoch": "open:.unfinished-model_whole.keras:1:dvc",
}


def start(clone: Clone, *command: str, kill_at: str | None = None) -> subprocess.Popen[str]:
    """A command in a session of its own, so that its whole group can be killed.

    Its stages run in sh, as where no SHELL is set: Debian's does not replace itself by the command, others do.
    """
    hooked = kill_at is not None and not kill_at.startswith("exists:")
    wanted = {"PYTHONPATH": str(ROOT / "tests/killed"), "KILL_AT": kill_at} if hooked else {}
    wanted["SHELL"] = "/bin/sh"
    return subprocess.Popen(
        command, cwd=clone.folder, env=os.environ | wanted, start_new_session=True, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def stored(clone: Clone) -> int:
    """How many whole records there are."""
    return len(list((clone.folder / "models/.epochs").glob("*/0*")))


def results(clone: Clone) -> dict[str, bytes]:
    """Every output of every stage, and dvc.lock."""
    files = [clone.folder / "dvc.lock"]
    for part in ("data/prepared", "models", "metrics", "plots"):
        files += [path for path in (clone.folder / part).iterdir() if path.is_file() and path.suffix != ""]
    return {path.relative_to(clone.folder).as_posix(): path.read_bytes() for path in files}


def new_clone(folder: Path, **params: object) -> Clone:
    folder.mkdir()
    clone = Clone(folder)
    write_params(folder, **params)
    clone.commit()
    return clone


def forget(clone: Clone) -> None:
    """Nothing is left of any run: no store, no cache, no outputs."""
    shutil.rmtree(clone.folder / "models/.epochs", ignore_errors=True)
    shutil.rmtree(clone.folder / ".dvc/cache", ignore_errors=True)
    clone.run("git", "clean", "--quiet", "-xdff", "--exclude=.dvc", "models", "data/prepared", "plots")
    for name in clone.run("git", "ls-files").stdout.splitlines():
        if (clone.folder / name).exists():
            (clone.folder / name).touch()
    clone.run("git", "checkout", "--quiet", "HEAD", "--", ".")


def mend(clone: Clone) -> int:
    """What `make` does before it calls `dvc`; how many of DVC's own files were torn."""
    return len(clone.run(sys.executable, "-m", "stages.commands.mend").stdout.splitlines())


def assert_survives(clone: Clone, expected: dict[str, bytes], moments: dict[str, str], changed: dict) -> None:
    """Killed at each moment in turn, then run to the end: the bytes of a run that nobody disturbed."""
    for name, moment in moments.items():
        before = stored(clone)
        killed = start(clone, "dvc", "repro", kill_at=moment)
        if moment.startswith("exists:"):  # HDF5 opens its files itself, and tells no audit hook
            while not (clone.folder / moment.removeprefix("exists:")).exists():
                assert killed.poll() is None
            os.killpg(killed.pid, signal.SIGKILL)
        assert killed.wait(300) == -signal.SIGKILL, name
        print(f"killed {name}: {before} records before, {stored(clone)} after")
        assert stored(clone) >= before
        if moment.endswith(":dvc"):  # at once with other parameters, while the orphan still runs
            usual = (clone.folder / "params.yaml").read_bytes()
            write_params(clone.folder, **changed)
            clone.dvc("repro")
            (clone.folder / "params.yaml").write_bytes(usual)
    clone.dvc("repro")
    assert results(clone) == expected


@pytest.mark.dvc
def test_six_kills_end_at_the_bytes_of_an_undisturbed_run(tmp_path: Path):
    params = {"dataset": "digits", "limit": 500, "epochs": 4, "patience": None}
    undisturbed = new_clone(tmp_path / "undisturbed", **params)
    undisturbed.dvc("repro")
    killed = new_clone(tmp_path / "killed", **params)
    assert_survives(killed, results(undisturbed), MOMENTS, params | {"dropout": 0.5})
    assert "epochs 1-4 read back" in killed.dvc("repro", "--force", "--single-item", "train").stdout


def assert_experiments_survive(tmp_path: Path, **params: object) -> None:
    """One killed in a temporary copy, then in the queue, then run to the end in the workspace."""
    clone = new_clone(tmp_path / "clone", **params)
    change = ("--set-param", "dropout=0.5")
    killed = start(clone, "dvc", "exp", "run", "--temp", *change, kill_at="open:.unfinished-000003:1:group")
    assert killed.wait(120) == -signal.SIGKILL
    assert stored(clone) == 2
    clone.dvc("exp", "run", "--queue", *change)
    start(clone, "dvc", "queue", "start", kill_at="open:.unfinished-000004:1:group").wait(120)
    end = time.monotonic() + 120
    while stored(clone) < 3:
        assert time.monotonic() < end
        time.sleep(0.1)
    done = clone.dvc("exp", "run", *change)
    assert "epochs 1-3 read back, 4 computed" in done.stdout
    ended = results(clone)
    undisturbed = new_clone(tmp_path / "undisturbed", **params)
    undisturbed.dvc("exp", "run", *change)
    assert ended == results(undisturbed)


@pytest.mark.dvc
def test_an_experiment_killed_in_a_temporary_copy_or_in_the_queue_goes_on(tmp_path: Path):
    assert_experiments_survive(tmp_path, dataset="digits", limit=500, epochs=4, patience=None)


@pytest.mark.acceptance
def test_an_experiment_killed_in_a_copy_or_in_the_queue_goes_on_with_all_images(real_data: Dataset, tmp_path: Path):
    assert_experiments_survive(tmp_path, epochs=4, patience=None)


COUNTER = """

_uncounted = epoch_runner


def epoch_runner(*arguments):
    run_epoch = _uncounted(*arguments)

    def run_and_count(epoch):
        with open({path!r}, "a") as file:
            file.write(f"{{epoch}}\\n")
        return run_epoch(epoch)

    return run_and_count
"""


def assert_grid(tmp_path: Path, dropouts: list[float], patiences: list[int], **params: object) -> None:
    """A grid through the queue with two workers: each epoch computed once, and every cell as without a store."""
    folder = tmp_path / "grid"
    folder.mkdir()
    clone = Clone(folder)
    write_params(folder, **params)
    with (folder / "stages/core/epochs.py").open("a") as file:
        file.write(COUNTER.format(path=str(tmp_path / "calls")))
    clone.commit()
    grid = [f"{name}={','.join(map(str, values))}" for name, values in (("dropout", dropouts), ("patience", patiences))]
    clone.dvc("exp", "run", "--queue", *(word for cell in grid for word in ("--set-param", cell)))
    clone.dvc("queue", "start", "--jobs", "2")
    assert set(wait_for_queue(clone, 3000).values()) == {"Success"}
    calls = (tmp_path / "calls").read_text().splitlines()

    names = clone.dvc("exp", "list", "--name-only").stdout.split()
    assert len(names) == len(dropouts) * len(patiences)
    longest: dict[float, int] = dict.fromkeys(dropouts, 0)
    for name in names:
        clone.dvc("exp", "apply", name)
        cell = yaml.safe_load((clone.folder / "params.yaml").read_text())
        ours = results(clone)
        ours.pop("dvc.lock")  # the counter is a line of code
        assert ours == made(tmp_path / f"alone-{name}", cell), cell  # in a new folder, so with an empty store
        dropout = cell["dropout"]
        longest[dropout] = max(longest[dropout], ours["plots/history.csv"].count(b"\n") - 1)
    print(f"grid of {len(names)}: {len(calls)} epochs computed; the longest trainings have {longest}")
    assert len(calls) == sum(longest.values())


@pytest.mark.dvc
def test_a_grid_of_dropout_and_patience_costs_a_training_a_dropout(tmp_path: Path):
    assert_grid(tmp_path, [0.1, 0.5], [1, 3], dataset="digits", limit=500, epochs=6, learning_rate=0.02)


@pytest.mark.acceptance
def test_a_grid_of_five_by_five_costs_five_trainings(real_data: Dataset, tmp_path: Path):
    assert_grid(tmp_path, [0.1, 0.2, 0.3, 0.4, 0.5], [1, 2, 3, 4, 5])


@pytest.fixture(scope="module")
def real(real_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, dict[str, bytes]]:
    """A clone with nothing in it, and what an undisturbed run on all images gives."""
    params = {"epochs": 12, "patience": None}
    undisturbed = new_clone(tmp_path_factory.mktemp("real") / "undisturbed", **params)
    undisturbed.dvc("repro")
    return new_clone(tmp_path_factory.mktemp("real") / "killed", **params), results(undisturbed)


@pytest.mark.acceptance
def test_kills_at_every_named_moment_on_all_images(real):
    clone, expected = real
    forget(clone)
    changed = {"epochs": 2, "patience": None, "dropout": 0.5}
    assert_survives(clone, expected, MOMENTS | MORE_MOMENTS, changed)


@pytest.mark.acceptance
def test_twenty_random_kills_on_all_images(real):
    clone, expected = real
    moments = random.Random(4)
    kills = after_the_first = mended = 0
    while kills < 20:
        forget(clone)
        while True:
            mended += mend(clone)
            running = start(clone, "dvc", "repro")
            began = time.monotonic()
            if kills % 6:  # five in six fall after an epoch is stored
                while not stored(clone) and running.poll() is None:
                    time.sleep(0.02)
                began = time.monotonic()
            time.sleep(moments.uniform(0, 9))
            if running.poll() is not None:
                assert running.returncode == 0
                break
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
            kills += 1
            after_the_first += stored(clone) > 0
            print(f"kill {kills} after {time.monotonic() - began:.2f} s: {stored(clone)} epochs stored")
            if kills == 20:
                mended += mend(clone)
                clone.dvc("repro")
                break
        assert results(clone) == expected
    print(f"{kills} kills, {after_the_first} after the first stored epoch, {mended} in a file of DVC's own")
    assert after_the_first >= 15

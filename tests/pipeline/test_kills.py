"""Real processes, really killed; the queue; and the grid: the bytes are those of a run that nobody disturbed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from stages.data.datasets import Dataset
from tests.support.clone import Clone, wait_for_queue
from tests.support.made import OUTPUTS, made, outputs_in
from tests.support.workspace import ROOT, write_params

# Moments at which `dvc repro` dies, one after the other in one training: see killed/sitecustomize.py.
MOMENTS = {
    "as the first record is opened": "open:.unfinished-000001:1:group",
    "as a record gets its name": "os.rename:.unfinished-000002:1:group",
    "between a record and its checkpoint": "open:.unfinished-best-model.keras:2:group",
    "dvc alone, in a record": "open:.unfinished-000003:1:dvc",
    "as the whole model is written, after the last epoch": "open:.unfinished-model_whole.keras:1:group",
    "between two outputs": "os.rename:models/.unfinished-model_whole.keras:1:group",
    "as the checkpoint is made canonical": "os.rename:best-model.keras.tmp:1:group",
    "in the middle of the weights": "exists:models/.unfinished-model.weights.h5",
    "as the environment is written, after the weights": "open:.unfinished-environment.json:1:group",
    "as the history is written": "open:.unfinished-history.csv:1:group",
    "as the metrics are written": "open:.unfinished-train.json:1:group",
    "before the first output gets its name": "os.rename:models/.unfinished-best-model.keras:1:group",
    "before the last output gets its name": "os.rename:metrics/.unfinished-train.json:1:group",
    "dvc alone, after the last epoch": "open:.unfinished-model_whole.keras:1:dvc",
}
FEW = ("dvc alone, in a record", "between two outputs")


def start(clone: Clone, *command: str, kill_at: str | None = None) -> subprocess.Popen[str]:
    """A command in a session of its own, so that its whole group can be killed.

    Its stages run in sh, as where no SHELL is set: Debian's does not replace itself by the command, others do.
    """
    hooked = kill_at is not None and not kill_at.startswith("exists:")
    wanted = {"PYTHONPATH": str(ROOT / "tests/support/killed"), "KILL_AT": kill_at} if hooked else {}
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
    files = outputs_in(clone.folder, ("dvc.lock", *OUTPUTS))
    return {name: contents for name, contents in files.items() if Path(name).suffix}  # no .gitignore


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


def assert_survives(
    clone: Clone, expected: dict[str, bytes], moments: dict[str, str], changed: dict, last: str = "plot"
) -> None:
    """Killed at each moment in turn, then run to the last stage: the bytes of a run that nobody disturbed."""
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
            clone.dvc("repro", "train")
            (clone.folder / "params.yaml").write_bytes(usual)
    clone.dvc("repro", last)
    assert results(clone) == expected


@pytest.mark.parametrize("network", ["dense", pytest.param("cnn", marks=pytest.mark.acceptance)])
def test_two_kills_end_at_the_bytes_of_an_undisturbed_run(tmp_path: Path, network: str):
    params = {"dataset": "digits", "limit": 500, "network": network, "epochs": 4, "patience": None}
    undisturbed = new_clone(tmp_path / "undisturbed", **params)
    undisturbed.dvc("repro", "train")
    killed = new_clone(tmp_path / "killed", **params)
    moments = {name: MOMENTS[name] for name in FEW}
    assert_survives(killed, results(undisturbed), moments, params | {"dropout": 0.5}, last="train")
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
    assert "epochs 1-3 read back (computed before, in models/.epochs), 4 computed" in done.stdout
    ended = results(clone)
    undisturbed = new_clone(tmp_path / "undisturbed", **params)
    undisturbed.dvc("exp", "run", *change)
    assert ended == results(undisturbed)


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
    with (folder / "stages/training/epochs.py").open("a") as file:
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
        alone = made(tmp_path / f"alone-{name}", cell)  # in a new folder, so with an empty store
        for path in ("dvc.lock", *(path for path in alone if path.endswith("/inputs.json"))):
            ours.pop(path)  # the counter is a line of code
            alone.pop(path, None)
        assert ours == alone, cell
        dropout = cell["dropout"]
        longest[dropout] = max(longest[dropout], ours["plots/history.csv"].count(b"\n") - 1)
    print(f"grid of {len(names)}: {len(calls)} epochs computed; the longest trainings have {longest}")
    assert len(calls) == sum(longest.values())


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
    assert_survives(clone, expected, MOMENTS, changed)


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

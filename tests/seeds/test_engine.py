"""Trainings: rows equal to the pipeline's, nothing trained twice, nothing left running."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from seeds import engine
from seeds.training import MEASURED, Training, _data
from stages import evaluate, train
from stages.base.errors import ProjectError
from stages.base.params import TrainingParams
from stages.training.store import STORE
from tests.support.made import run_code
from tests.support.workspace import ROOT, SMALL, history, params, read_json, write_params


def training(images: int | None = None, **changes: object) -> Training:
    values = params(**{"epochs": 4, "learning_rate": 0.01} | changes).model_dump(
        include=set(TrainingParams.model_fields)
    )
    return Training(TrainingParams(**values), images)


@pytest.mark.process
def test_rows_are_what_the_pipeline_writes_also_for_several_networks_at_once(prepared: Path):
    dense = {"patience": 1, "optimizer": "rmsprop", "seed": 7}
    cnn = {"network": "cnn", "hidden_units": 8, "epochs": 2, "save_best_only": False, "seed": 7}
    for changes, result in zip((dense, cnn), engine.run([training(**dense), training(**cnn)], jobs=1), strict=True):
        write_params(prepared, **SMALL | {"epochs": 4, "learning_rate": 0.01} | changes)
        if changes is dense:
            train.main()
            evaluate.main()
        else:  # a process of its own: a cnn computes with another number of threads
            run_code(prepared, "import stages.train, stages.evaluate; stages.train.main(); stages.evaluate.main()")
        trained, evaluated = read_json("metrics/train.json"), read_json("metrics/evaluation.json")
        assert (result.row["epochs"], result.row["kept_epoch"]) == (trained["epochs"], trained["best_epoch"])
        parts = ("training", "validation", "test")
        expected = [evaluated[part][metric] for part in parts for metric in ("loss", "accuracy")]
        assert [result.row[name] for name in MEASURED] == expected
        assert result.history["val_loss"] == history()["val_loss"]


def records(folder: Path) -> list[Path]:
    return list((folder / STORE).glob("*/[0-9]*"))


@pytest.mark.trains
def test_trainings_that_only_stop_differently_share_their_epochs(here: Path):
    asked = [training(patience=patience, epochs=epochs) for patience, epochs in ((1, 6), (None, 3), (None, 6), (2, 6))]
    assert len(engine._groups(asked)) == 1
    results = engine.run(asked)
    assert len(records(here)) == 6
    short, long = results[1:3]
    assert short.history["val_loss"] == long.history["val_loss"][:3]
    assert [result.row["epochs"] for result in (short, long)] == [3, 6]
    assert engine.run(asked) == results  # each is remembered by itself


@pytest.mark.trains
def test_a_finished_training_is_read_back_even_without_its_epochs(here: Path, monkeypatch):
    asked = [training(300, seed=seed) for seed in (1, 2)]
    results = engine.run(asked, store=False)
    assert len(_data(300)[0].labels) == 300
    assert records(here) == []
    first, second = sorted(Path("models/.trainings").iterdir())
    assert first.stat().st_size < 4096
    assert json.loads(first.read_text()) in [{"row": result.row, "history": result.history} for result in results]
    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_group", None)  # cannot train any more
        assert engine.run(asked, store=False) == results
    first.write_text(first.read_text()[:-9])
    second.unlink()
    assert engine.run(asked, store=False) == results


@pytest.mark.trains
def test_a_failed_training_is_named_and_the_others_are_finished(here: Path):
    asked = [training(seed=1), training(learning_rate=1e20, seed=2), training(seed=3)]
    with pytest.raises(ProjectError, match=r"seed 2.*learning_rate"):
        engine.run(asked)
    assert len(list(Path("models/.trainings").iterdir())) == 2


ENDLESS = """
import signal
from stages.base.process import run
from seeds import engine
from tests.seeds.test_engine import training
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background process
run(lambda: engine.run([training(epochs=10_000, patience=None, seed={})]))
"""


@pytest.mark.process
def test_nothing_runs_on_after_ctrl_c_or_when_the_parent_is_killed(prepared: Path):
    interrupted, killed = (
        subprocess.Popen(
            [sys.executable, "-c", ENDLESS.format(seed)], env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE, start_new_session=True,
        )
        for seed in (1, 2)
    )  # fmt: skip
    end = time.monotonic() + 120
    while len({path.parent for path in records(prepared)}) < 2:  # until both have trained an epoch
        assert time.monotonic() < end
        time.sleep(0.1)
    children = [child for parent in (interrupted, killed) for child in psutil.Process(parent.pid).children(True)]
    os.killpg(interrupted.pid, signal.SIGINT)
    killed.kill()
    assert (interrupted.wait(10), killed.wait(10)) == (130, -signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert len(interrupted.stderr.read().splitlines()) == 1

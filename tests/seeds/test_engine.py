"""Trainings in real processes: rows equal to the pipeline's, nothing trained twice, nothing left running."""

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
from seeds.training import MEASURED, Training
from stages.base.errors import ProjectError
from stages.base.params import TrainingParams
from stages.training.store import STORE
from tests.support.made import run_code
from tests.support.workspace import ROOT, SMALL, history, params, read_json, write_params

pytestmark = pytest.mark.process

TRAIN_AND_EVALUATE = "import stages.train, stages.evaluate; stages.train.main(); stages.evaluate.main()"


def training(images: int | None = None, **changes: object) -> Training:
    values = params(**{"epochs": 4, "learning_rate": 0.01} | changes).model_dump(
        include=set(TrainingParams.model_fields)
    )
    return Training(TrainingParams(**values), images)


def pipeline(folder: Path, **changes: object) -> tuple[dict, dict, dict]:
    """Return what the pipeline writes: metrics/train.json, metrics/evaluation.json, plots/history.csv."""
    write_params(folder, **SMALL | {"epochs": 4, "learning_rate": 0.01} | changes)
    run_code(folder, TRAIN_AND_EVALUATE)  # a process of its own: a cnn computes with another number of threads
    return read_json("metrics/train.json"), read_json("metrics/evaluation.json"), history()


def test_rows_are_what_the_pipeline_writes_also_for_several_networks_at_once(prepared: Path):
    settings = [
        {"patience": 1, "optimizer": "rmsprop"},
        {"network": "cnn", "hidden_units": 8, "epochs": 2, "save_best_only": False},
    ]
    results = engine.run([training(seed=7, **changes) for changes in settings], jobs=1)
    for result, changes in zip(results, settings, strict=True):
        trained, evaluated, recorded = pipeline(prepared, seed=7, **changes)
        assert (result.row["epochs"], result.row["kept_epoch"]) == (trained["epochs"], trained["best_epoch"])
        parts = ("training", "validation", "test")
        expected = [evaluated[part][metric] for part in parts for metric in ("loss", "accuracy")]
        assert [result.row[name] for name in MEASURED] == expected
        assert result.history["val_loss"] == recorded["val_loss"]


def records(folder: Path) -> int:
    return len(list((folder / STORE).glob("*/[0-9]*")))


def test_trainings_that_only_stop_differently_share_their_epochs(prepared: Path):
    asked = [training(patience=patience, epochs=epochs) for patience, epochs in ((1, 6), (None, 3), (None, 6), (2, 6))]
    results = engine.run(asked, jobs=2)
    assert records(prepared) == 6
    short, long = results[1], results[2]
    assert short.history["val_loss"] == long.history["val_loss"][:3]
    assert [result.row["epochs"] for result in results[1:3]] == [3, 6]
    assert engine.run(asked, jobs=2) == results  # each is remembered by itself


def test_a_finished_training_is_read_back_even_without_its_epochs(prepared: Path, monkeypatch):
    asked = [training(300, seed=seed) for seed in (1, 2)]
    results = engine.run(asked, jobs=1, store=False)
    assert records(prepared) == 0
    first, second = sorted(Path("models/.trainings").iterdir())
    assert first.stat().st_size < 4096
    assert json.loads(first.read_text()) in [{"row": result.row, "history": result.history} for result in results]
    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_group", None)  # cannot train any more
        assert engine.run(asked, jobs=1, store=False) == results
    first.write_text(first.read_text()[:-9])
    second.unlink()
    assert engine.run(asked, jobs=1, store=False) == results


def test_a_failed_training_is_named_and_the_others_are_finished(prepared: Path):
    asked = [training(seed=1), training(learning_rate=1e20, seed=2), training(seed=3)]
    with pytest.raises(ProjectError, match=r"seed 2.*learning_rate"):
        engine.run(asked, jobs=1)
    assert len(list(Path("models/.trainings").iterdir())) == 2


ENDLESS = """
import signal
from stages.base.process import run
from seeds import engine
from tests.seeds.test_engine import training
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a background process
    run(lambda: engine.run([training(epochs=100_000, patience=None, seed=seed) for seed in (1, 2)], jobs=2))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_nothing_runs_on_when_the_parent_ends(prepared: Path, number: int, code: int):
    Path("endless.py").write_text(ENDLESS, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "endless.py"], env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 120
    while records(prepared) < 2:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.1)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(10) == code
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert number == signal.SIGKILL or len(process.stderr.read().splitlines()) == 1

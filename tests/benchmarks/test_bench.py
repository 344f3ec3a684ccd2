"""The benchmark: the arithmetic of its table, and one round on few images."""

import re
from pathlib import Path

import pytest

from benchmarks import bench
from benchmarks.bench import ROWS, Measured, Round, measure, measure_round, table
from tests.support.clone import Clone
from tests.support.workspace import ROOT


def invented_round(speed: float) -> Round:
    """The notes' script takes 100 s and 8 s per epoch, our commands 40 s and 2 s, on a machine of speed 1."""
    ours, notes = Measured(40 / speed, 500, 2 / speed), Measured(100 / speed, 1_500, 8 / speed)
    names = ("repro", "train", "patience", "dropout", "try", "train cnn")
    return dict.fromkeys(names, ours) | {"notes": notes, "notes cnn": notes}


def test_a_ratio_compares_the_two_programs_within_a_round(monkeypatch):
    monkeypatch.setattr(bench, "cpu_count", lambda: 20)
    lines = table([invented_round(speed) for speed in (1, 0.5, 2)]).splitlines()
    assert "| an epoch with validation | 2.00 s (1.00 to 4.00) | 8.00 s (4.00 to 16.00) | 0.25 |" in lines
    assert "| `dvc repro` from nothing | 40.00 s (20.00 to 80.00) | 100 s (50.00 to 200) | 0.40 |" in lines
    assert "| peak memory of `dvc repro` | 500 MB | 1,500 MB | 0.33 |" in lines
    assert "take 0.50 of" in lines[-1]  # 200 epochs of 2 s on 20 cores, in 40 s


@pytest.mark.process
def test_the_first_epoch_and_stored_epochs_do_not_count(tmp_path: Path):
    (tmp_path / "training.py").write_text("""
import time
for line, seconds in (("1/4  0.5  3.0", 0), ("2/4  0.4  0.1", 0.2), ("3/4  0.3  0.1", 0.2), ("4/4  0.2  stored  ", 0)):
    time.sleep(seconds)
    print(line, flush=True)
""")
    measured = measure(["training"], tmp_path, epochs=3)
    assert 0.15 < measured.epoch < measured.seconds
    for wrong in (lambda: measure(["training"], tmp_path, epochs=4), lambda: measure(["no_module"], tmp_path)):
        with pytest.raises(SystemExit, match="expected"):
            wrong()


@pytest.mark.acceptance
def test_a_round_on_few_images_fills_the_table(real_data, tmp_path: Path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "round").mkdir()
    clone = Clone(tmp_path / "work")
    few = {"ROOT": clone.folder, "EPOCHS": 3, "CNN_EPOCHS": 3, "IMAGES": 1_000, "CNN_IMAGES": 500}
    for name, value in few.items():
        monkeypatch.setattr(bench, name, value)
    printed = table([measure_round(tmp_path / "round")])
    assert len(re.findall(r"(?m)^\| .+ \| .+ \| .+ \| \d+\.\d+ \|$", printed)) == len(ROWS)
    assert clone.git_status() == ""


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_readme_has_the_seconds_of_the_committed_table(name: str):
    results = (ROOT / "benchmarks/results.md").read_text(encoding="utf-8")
    epoch = next(line for line in results.splitlines() if line.startswith("| an epoch with validation "))
    readme = (ROOT / name).read_text(encoding="utf-8")
    for seconds in re.findall(r"\| ([\d.]+) s", epoch):
        assert f"{seconds} s" in readme or f"{seconds}초" in readme

"""The benchmark: the arithmetic of its table, and one quick run."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks.bench import BEGIN, END, FULL, Measured, Round, measure, table
from tests.support.clone import Clone
from tests.support.workspace import ROOT


def invented_round(speed: float) -> Round:
    """The notes' script takes 100 s and 8 s per epoch, our commands 40 s and 2 s, on a machine of speed 1."""
    ours, notes = Measured(40 / speed, 500, 10, 2 / speed), Measured(100 / speed, 1_500, 10, 8 / speed)
    names = ("repro", "train", "patience", "dropout", "try", "train cnn")
    return dict.fromkeys(names, ours) | {"notes": notes, "notes cnn": notes}


def test_a_ratio_compares_the_two_programs_within_a_round():
    text = table([invented_round(speed) for speed in (1, 0.5, 2)], FULL, cores=20)
    for line in (
        "| an epoch with validation | 2.00 s (1.00 to 4.00) | 8.00 s (4.00 to 16.00) | 0.25 |",
        "| peak memory of `dvc repro` | 500 MB | 1,500 MB | 0.33 |",
    ):
        assert line in text
    assert "share of 0.50" in text  # 200 epochs of 2 s on 20 cores, in 40 s


@pytest.mark.process
def test_the_first_epoch_and_stored_epochs_do_not_count(tmp_path: Path):
    code = """
import time
for line, seconds in (("1/4  0.5  3.0", 0), ("2/4  0.4  0.1", 0.2), ("3/4  0.3  0.1", 0.2), ("4/4  0.2  stored  ", 0)):
    time.sleep(seconds)
    print(line, flush=True)
"""
    measured = measure([sys.executable, "-c", code], tmp_path, {})
    assert measured.epochs == 3
    assert 0.15 < measured.epoch < measured.seconds


@pytest.mark.acceptance
def test_a_quick_run_fills_the_table_and_changes_no_file(real_data, tmp_path: Path):
    clone = Clone(tmp_path)
    printed = clone.run(sys.executable, "-m", "benchmarks.bench", "--quick").stdout
    assert len(re.findall(r"(?m)^\| .+ \| .+ \| .+ \| \d+\.\d+ \|$", printed)) == 8
    assert clone.git_status() == ""


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_readme_has_the_seconds_of_the_committed_table(name: str):
    results = (ROOT / "benchmarks/results.md").read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    epoch = next(line for line in results.splitlines() if line.startswith("| an epoch with validation "))
    readme = (ROOT / name).read_text(encoding="utf-8")
    for seconds in re.findall(r"\| ([\d.]+) s", epoch):
        assert f"{seconds} s" in readme or f"{seconds}초" in readme

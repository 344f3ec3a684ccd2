"""The benchmark: its arithmetic on invented measurements, and a quick run of the whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Measured, measure
from benchmarks.page import number, page, ratio
from benchmarks.rounds import (
    CNN,
    CNN_UNLIMITED,
    DROPOUT,
    IMPORTS,
    MAKE_NOTHING,
    PATIENCE,
    PLAIN,
    PLAIN_CNN,
    REPRO,
    REPRO_NOTHING,
    SWEEP,
    TRAIN,
    UNLIMITED,
    Samples,
    Settings,
    growth,
    imports,
    spans,
)
from benchmarks.table import results
from stages.base.errors import ProjectError
from tests.support.clone import Clone
from tests.support.workspace import ROOT

COMMANDS = (PLAIN, TRAIN, REPRO, REPRO_NOTHING, MAKE_NOTHING, PATIENCE, DROPOUT, SWEEP)


@pytest.fixture
def samples() -> Samples:
    """Three rounds: the plain script 10 s and 1,000 MB, all of ours 3 s and 500 MB, the first round slower."""
    samples = Samples()
    for name in (*COMMANDS, *map(imports, IMPORTS)):
        samples.seconds[name] = [30.0, 10.0, 9.0] if name == PLAIN else [5.0, 3.0, 3.0]
        samples.peak[name] = [1e9] * 3 if name == PLAIN else [5e8] * 3
    for factor in (1, 8):
        samples.epoch[growth(factor)] = samples.first_epoch[growth(factor)] = [0.5 * factor] * 3
        samples.peak[growth(factor)] = [(400 + 60 * factor) * 1e6] * 3
        samples.data[growth(factor)] = {"images": 60_000 * factor, "data_bytes": 50_000_000 * factor}
    samples.epoch[UNLIMITED] = samples.epoch[CNN_UNLIMITED] = [0.4] * 3
    for factor in (1, 4):
        samples.epoch[growth(factor, CNN)], samples.peak[growth(factor, CNN)] = [1.1 * factor] * 3, [1e9] * 3
        samples.data[growth(factor, CNN)] = {"images": 10_000 * factor, "data_bytes": 8_000_000 * factor}
    samples.epoch[PLAIN_CNN], samples.peak[PLAIN_CNN] = [1.0] * 3, [1e9] * 3
    samples.epoch[PLAIN] = samples.first_epoch[PLAIN] = [2.0] * 3
    samples.floor |= {"adam": [0.1] * 3, "epoch": [0.2] * 3, "cnn epoch": [0.55] * 3}
    for name in (REPRO, DROPOUT, PATIENCE):
        samples.spans[name] |= {"dvc": [1.0] * 3, "train": [2.0] * 3}
    return samples


def measured(samples: Samples, quick: bool = False, of: str = "x86_64_v3") -> dict:
    machine = {"processor": "abacus", "class of processor": of, "cores": 2}
    return results(samples, Settings(3, 10, (1, 8), {}, 8000, (1, 4)), quick, machine)


def rows(of: dict) -> dict[tuple[str, str | None], dict]:
    return {(row["name"], row["beside_name"]): row for row in of["rows"]}


def test_a_ratio_is_of_the_medians_and_held_against_its_target(samples: Samples):
    found = rows(measured(samples))
    repro = found[REPRO, PLAIN]
    assert repro["ours"] == {"median": 3, "min": 3, "max": 5}
    assert (repro["ratio"], repro["target"], repro["reached"]) == (0.3, "at most 0.4 of it", True)
    epoch = found["an epoch with validation", PLAIN]
    assert (epoch["ratio"], epoch["reached"]) == (0.25, False)
    assert found["an epoch with validation", "without the limit to AVX2"]["ratio"] == 1.25
    assert found[MAKE_NOTHING, None]["reached"] is False
    assert found[f"peak memory: {TRAIN}", PLAIN]["ratio"] == 0.5
    assert found[DROPOUT, PLAIN]["target"] is None


@pytest.mark.parametrize(("of", "reached"), [("x86_64_v3", False), ("x86_64_v4", True)])
def test_with_convolutions_the_limit_may_cost_something_where_there_is_avx512(samples: Samples, of: str, reached: bool):
    found = rows(measured(samples, of=of))
    row = found["an epoch of cnn, with validation", PLAIN_CNN]
    assert (row["ratio"], row["reached"]) == (1.1, reached)
    assert found["an epoch of cnn, with validation", "its floor"]["ratio"] == pytest.approx(2)


def test_imports_count_for_the_stages_that_ran(samples: Samples):
    assert rows(measured(samples))[PATIENCE, "its imports alone"]["beside"]["median"] == 6  # dvc and train


def test_growth_is_held_against_the_images_and_their_bytes(samples: Samples):
    found = rows(measured(samples))
    assert found["an epoch on 8x the images", "8x an epoch"]["ratio"] == 1
    added = found["memory that 8x the images add", "the data they add"]
    assert (added["ours"]["median"], added["beside"]["median"], added["reached"]) == (420, 350, False)


def test_a_sweep_is_held_against_experiments_one_by_one_and_against_its_epochs(samples: Samples):
    samples.seconds[SWEEP] = [50.0, 40.0, 30.0]
    of = measured(samples)
    assert rows(of)[SWEEP, f"8 times {DROPOUT}"]["ratio"] == 40 / (8 * 3)
    assert of["sweep"] == {"epochs": 80, "epochs_a_minute": 120, "share": 80 * 0.5 / (40 * 2)}
    assert [row["images"] for row in of["growth_of_cnn"]] == [10_000, 40_000]


def test_the_share_of_the_floor(samples: Samples):
    assert measured(samples)["floor"] == {"products": 0.1, "adam": 0.1, "share_reached": 0.4}


def test_a_quick_run_is_marked_as_no_result(samples: Samples):
    assert "Not a result" in page(measured(samples, quick=True))
    assert "Not a result" not in page(measured(samples))


def test_a_dvc_run_is_cut_where_a_stage_begins():
    lines = [(1.0, "Running stage 'check':"), (1.5, "> python"), (2.0, "Running stage 'train':")]
    assert spans(Measured(7.0, 0, lines)) == {"dvc": 1.0, "check": 1.0, "train": 5.0}


@pytest.mark.process
def test_a_process_is_measured_with_its_children(tmp_path: Path):
    child = "x = bytearray(300_000_000); import time; time.sleep(0.2)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('done')"
    # In a process of its own: what this one holds would count too, and it may hold TensorFlow.
    code = f"""
from pathlib import Path
from benchmarks.measure import measure
done = measure([{sys.executable!r}, "-c", {parent!r}], Path({str(tmp_path)!r}), {{}})
print(done.lines[-1][1], done.seconds, done.peak)
"""
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    line, seconds, peak = printed.split()
    assert line == "done"
    assert 0.2 < float(seconds) < 20
    assert 300e6 < float(peak) < 400e6


@pytest.mark.process
def test_a_command_that_fails_shows_its_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(ProjectError, match="exit 3"):
        measure([sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"], tmp_path, {})
    assert "why" in capfd.readouterr().err


@pytest.mark.process
def test_the_profile_has_the_operations_of_a_step(complete: Path):
    command = [sys.executable, "-m", "benchmarks.operations", "--images", "320"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    printed = subprocess.run(command, cwd=complete, env=environment, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in printed.splitlines()[3:-2]]
    assert {"1.0"} == {often for kind, often, *_ in rows if "MatMul" in kind}
    assert float(printed.splitlines()[-1].split()[2]) >= sum(float(row[2]) for row in rows) - len(rows) * 0.05


@pytest.mark.acceptance
def test_a_quick_run_fills_every_row_and_leaves_the_committed_results(real_data, samples: Samples, tmp_path: Path):
    clone = Clone(tmp_path)
    printed = clone.run(sys.executable, "-m", "benchmarks", "--quick").stdout
    found = json.loads((tmp_path / "benchmarks/quick/results.json").read_text(encoding="utf-8"))
    assert found["quick"]
    assert "Not a result" in printed
    assert (tmp_path / "benchmarks/quick/results.md").read_text(encoding="utf-8") in printed
    assert clone.git_status() == ""

    assert len(found["rows"]) == len(measured(samples)["rows"])
    for row in found["rows"]:
        if row["name"].startswith("memory that"):
            continue  # of so few images nothing is to be seen
        assert row["ours"]["median"] > 0
        if row["beside"]:
            assert row["ratio"] == pytest.approx(row["ours"]["median"] / row["beside"]["median"])
    train = next(part[REPRO] for part in found["spans"] if part["part"] == "train")
    assert 0 < train < rows(found)[REPRO, PLAIN]["ours"]["median"]
    assert 0 < found["floor"]["share_reached"] < 1
    assert str(Path.home()) not in json.dumps(found)


def test_a_ratio_is_judged_before_it_is_rounded(samples: Samples):
    samples.epoch[growth(1)] = [0.4012] * 3
    row = rows(measured(samples))["an epoch with validation", PLAIN]
    assert (ratio(row["ratio"]), row["reached"]) == ("0.201", False)


def test_the_committed_page_is_of_the_committed_results():
    committed = json.loads((ROOT / "benchmarks/results.json").read_text(encoding="utf-8"))
    assert (ROOT / "benchmarks/results.md").read_text(encoding="utf-8") == page(committed)
    for row in committed["rows"]:
        target = row["target"] and float(row["target"].split()[2])
        judged = row["ratio"] if target and row["target"].endswith("of it") else row["ours"]["median"]
        assert row["reached"] == (None if target is None else judged <= target)


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_speed_that_the_readme_names_is_of_the_committed_results(name: str):
    committed = json.loads((ROOT / "benchmarks/results.json").read_text(encoding="utf-8"))
    readme, found = (ROOT / name).read_text(encoding="utf-8"), rows(committed)
    epoch = found["an epoch with validation", PLAIN]
    for part in ("ours", "beside"):
        assert f"{number(epoch[part]['median'])} s" in readme or f"{number(epoch[part]['median'])}초" in readme

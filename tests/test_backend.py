import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


def python(code: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_tensorflow_prints_nothing():
    done = python("from stages.core.backend import keras, tf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_users_keras_json_decides_nothing(tmp_path: Path):
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float64", "backend": "jax"}))
    done = python(
        "from stages.core.backend import keras; print(keras.backend.backend(), keras.config.floatx())",
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout == "tensorflow float32\n", done.stderr


def test_what_a_failing_import_prints_is_shown(tmp_path: Path):
    (tmp_path / "tensorflow.py").write_text("import os; os.write(2, b'the reason'); raise ImportError('broken')")
    done = python("from stages.core.backend import tf", PYTHONPATH=str(tmp_path))
    # the working folder comes before PYTHONPATH, but holds no tensorflow
    assert done.returncode == 1
    assert "the reason" in done.stderr
    assert "ImportError: broken" in done.stderr


@pytest.mark.parametrize("module", ["check", "prepare", "train", "evaluate", "plot", "commands.summary"])
def test_importing_a_stage_does_not_import_tensorflow(module: str):
    done = python(f"import sys, stages.{module}; print({{'tensorflow', 'keras'}} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_plotting_and_preparing_never_import_keras():
    for stage in ("prepare", "plot", "check"):
        assert "backend" not in (ROOT / f"stages/{stage}.py").read_text(encoding="utf-8")

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, imported_files


def python(code: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_and_using_tensorflow_prints_nothing():
    done = python("from stages.core.backend import keras, tf; keras.layers.Dense(1)(tf.ones((1, 1)))")
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


@pytest.mark.parametrize(
    "module", ["check", "prepare", "train", "evaluate", "plot", "commands.summary", "commands.fetch"]
)
def test_importing_a_stage_does_not_import_tensorflow(module: str):
    done = python(f"import sys, stages.{module}; print({{'tensorflow', 'keras'}} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_ops_are_deterministic_and_on_one_thread():
    # TensorFlow has no public name for the question
    from tensorflow.python.framework.config import is_op_determinism_enabled

    from stages.core.backend import tf

    assert is_op_determinism_enabled()
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1


def test_checking_preparing_and_plotting_never_import_tensorflow():
    backend = ROOT / "stages/core/backend.py"
    for stage, imports in {"check": False, "prepare": False, "train": True, "evaluate": True, "plot": False}.items():
        assert (backend in imported_files(ROOT / f"stages/{stage}.py", set())) == imports

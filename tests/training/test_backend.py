"""TensorFlow as the project sets it up."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.support.sources import imported_files
from tests.support.workspace import ROOT, python


@pytest.mark.process
def test_the_import_is_quiet_ignores_keras_json_and_leaves_out_what_no_stage_needs(tmp_path: Path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text(json.dumps({"floatx": "float64", "backend": "jax"}))
    done = python(
        "-c",
        "import gc, sys; from stages.training.backend import keras, tf; keras.layers.Dense(1)(tf.ones((1, 1)))\n"
        "print(keras.backend.backend(), keras.config.floatx(), gc.isenabled())\n"
        "print({'matplotlib', 'pandas', 'scipy', 'sklearn'} & set(sys.modules))\n"
        "import matplotlib.pyplot, pandas, scipy.stats, sklearn.metrics",
        folder=ROOT,
        HOME=str(tmp_path),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "tensorflow float32 True\nset()\n", "")


@pytest.mark.process
def test_the_output_of_a_failing_import_is_printed(tmp_path: Path):
    (tmp_path / "tensorflow.py").write_text("import os; os.write(2, b'the ' + b'reason'); raise ImportError('broken')")
    path = os.pathsep.join(map(str, (tmp_path, ROOT)))
    done = python("-c", "from stages.training.backend import tf", folder=tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert "the reason" in done.stderr


@pytest.mark.process
def test_importing_a_stage_imports_no_library_that_takes_seconds():
    slow = "{'tensorflow', 'keras', 'scipy.stats', 'sklearn', 'statsmodels'}"
    modules = "stages.train, stages.evaluate, stages.plot, tools.summary"
    done = python("-c", f"import sys, {modules}; print({slow} & set(sys.modules))", folder=ROOT)
    assert done.stdout == "set()\n", done.stderr


def test_preparing_and_plotting_never_import_tensorflow():
    backend = ROOT / "stages/training/backend.py"
    for stage, needs_it in {"prepare": False, "train": True, "evaluate": True, "plot": False}.items():
        assert (backend in imported_files(ROOT / f"stages/{stage}.py")) == needs_it


def test_ops_are_deterministic_and_on_one_thread():
    # TensorFlow has no public name for the question
    from tensorflow.python.framework.config import is_op_determinism_enabled

    from stages.training.backend import tf

    assert is_op_determinism_enabled()
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1


def test_quotients_are_rounded_as_ieee_754_demands():
    """TensorFlow's optimizer would use the CPU's approximation of 1 / sqrt(b), and 1 / n for a constant n."""
    from stages.training.backend import tf

    a, b = np.random.default_rng(0).uniform(0.01, 1, (2, 100_000)).astype(np.float32)
    by_root = tf.function(lambda a, b: a / tf.sqrt(b), jit_compile=False)(tf.constant(a), tf.constant(b))
    np.testing.assert_array_equal(by_root.numpy(), a / np.sqrt(b))
    by_ten = tf.function(lambda a: a / 10.0, jit_compile=False)(tf.constant(a))
    np.testing.assert_array_equal(by_ten.numpy(), a / np.float32(10))


def test_a_tensor_shares_memory_that_is_aligned_contiguous_and_writable_and_copies_other_memory():
    from stages.training.backend import without_copy

    memory = np.zeros(2000, np.uint8)
    begin = -memory.ctypes.data % 64
    aligned = memory[begin : begin + 1000].reshape(10, 100)
    read_only = aligned.view()
    read_only.flags.writeable = False
    others = (memory[begin + 1 : begin + 1001].reshape(10, 100), aligned[:, :50], read_only)
    tensors = list(map(without_copy, (aligned, *others)))
    memory[:] = 9
    assert [bool(tensor.numpy().any()) for tensor in tensors] == [True, False, False, False]

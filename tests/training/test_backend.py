import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages.data.images import Images, load_images, save_images
from tests.support.sources import imported_files
from tests.support.workspace import ROOT


def python(code: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.process
def test_importing_and_using_tensorflow_prints_nothing():
    done = python("from stages.training.backend import keras, tf; keras.layers.Dense(1)(tf.ones((1, 1)))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.process
def test_a_users_keras_json_decides_nothing(tmp_path: Path):
    (tmp_path / "keras.json").write_text(json.dumps({"floatx": "float64", "backend": "jax"}))
    done = python(
        "from stages.training.backend import keras; print(keras.backend.backend(), keras.config.floatx())",
        KERAS_HOME=str(tmp_path),
    )
    assert done.stdout == "tensorflow float32\n", done.stderr


@pytest.mark.process
def test_what_a_failing_import_prints_is_shown(tmp_path: Path):
    (tmp_path / "tensorflow.py").write_text("import os; os.write(2, b'the reason'); raise ImportError('broken')")
    done = python("from stages.training.backend import tf", PYTHONPATH=str(tmp_path))
    # the working folder comes before PYTHONPATH, but holds no tensorflow
    assert done.returncode == 1
    assert "the reason" in done.stderr
    assert "ImportError: broken" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize(
    "module", ["check", "prepare", "train", "evaluate", "plot", "commands.summary", "commands.fetch"]
)
def test_importing_a_stage_does_not_import_tensorflow(module: str):
    done = python(f"import sys, stages.{module}; print({{'tensorflow', 'keras'}} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.process
def test_onednn_is_kept_to_avx2_whatever_a_user_has_set():
    code = "import os, stages.training.backend; print(os.environ['ONEDNN_MAX_CPU_ISA'])"
    done = python(code, ONEDNN_MAX_CPU_ISA="DEFAULT")
    assert done.stdout == "AVX2\n", done.stderr


@pytest.mark.process
@pytest.mark.parametrize("module", ["check", "train", "plot", "commands.repro", "commands.summary"])
def test_what_only_draws_or_says_results_does_not_import_what_computes_them(module: str):
    done = python(f"import sys, stages.{module}; print({{'scipy.stats', 'sklearn', 'statsmodels'}} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_ops_are_deterministic_and_on_one_thread():
    # TensorFlow has no public name for the question
    from tensorflow.python.framework.config import is_op_determinism_enabled

    from stages.training.backend import tf

    assert is_op_determinism_enabled()
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1


def test_a_quotient_by_a_root_is_the_one_that_every_processor_computes():
    from stages.training.backend import tf

    a, b = np.random.default_rng(0).uniform(0.01, 1, (2, 100_000)).astype(np.float32)
    quotient = tf.function(lambda a, b: a / tf.sqrt(b), jit_compile=False)(tf.constant(a), tf.constant(b))
    np.testing.assert_array_equal(quotient.numpy(), a / np.sqrt(b))  # both rounded as IEEE 754 demands


def test_a_quotient_by_a_number_known_beforehand_is_a_quotient():
    from stages.training.backend import tf

    a = np.random.default_rng(0).uniform(1, 2, 1000).astype(np.float32)
    quotient = tf.function(lambda a: a / 10.0, jit_compile=False)(tf.constant(a))
    np.testing.assert_array_equal(quotient.numpy(), a / np.float32(10))


def test_checking_preparing_and_plotting_never_import_tensorflow():
    backend = ROOT / "stages/training/backend.py"
    for stage, imports in {"check": False, "prepare": False, "train": True, "evaluate": True, "plot": False}.items():
        assert (backend in imported_files(ROOT / f"stages/{stage}.py")) == imports


@pytest.mark.process
def test_the_import_leaves_out_what_is_not_needed_and_leaves_it_usable():
    done = python(
        "import gc, sys, stages.training.backend; "
        "print({'matplotlib', 'pandas', 'scipy', 'sklearn'} & set(sys.modules), gc.isenabled()); "
        "import matplotlib.pyplot, pandas, scipy.stats, sklearn.metrics"
    )
    assert (done.returncode, done.stdout) == (0, "set() True\n"), done.stderr


def test_images_are_in_memory_once(tmp_path: Path):
    from stages.training.backend import without_copy

    save_images(tmp_path / "train.npz", Images(np.zeros((3, 5, 7), np.uint8), np.zeros(3, np.uint8), np.array(["a"])))
    loaded = load_images(tmp_path / "train.npz")
    for array in loaded[:2]:
        tensor = without_copy(array)
        array[-1] = 9
        np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("offset", [1, 16, 32])
def test_an_array_that_tensorflow_cannot_use_is_copied(offset: int):
    from stages.training.backend import tf, without_copy

    memory = np.zeros(1000, np.uint8)
    begin = -memory.ctypes.data % 64 + offset
    array = memory[begin : begin + 200].reshape(10, 20)
    tensor = without_copy(array)
    array[5] = 9
    assert int(tf.reduce_sum(tf.gather(tensor, [5]))) == 0


def test_arrays_that_are_not_whole_or_not_writable_are_copied():
    from stages.training.backend import without_copy

    memory = np.arange(1064, dtype=np.uint8)
    begin = -memory.ctypes.data % 64
    rows = memory[begin : begin + 1000].reshape(10, 100)
    np.testing.assert_array_equal(without_copy(rows[:, :50]).numpy(), rows[:, :50])
    rows.flags.writeable = False
    np.testing.assert_array_equal(without_copy(rows).numpy(), rows)

"""Import TensorFlow and Keras without their messages, and set them up so that equal inputs give equal bytes.

Every module that needs a model imports `keras` and `tf` from here. The import takes seconds, so stages import such
modules inside `main`. `stages/__init__.py` has set the environment variables before.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from stages.base.errors import ProjectError, one_line
from stages.base.imports import skip_imports


def _import_quietly(name: str) -> ModuleType:
    """Import a module with file descriptor 2 pointed at a file; print that file if the import fails.

    TensorFlow's C++ code writes to the descriptor before it reads a log level, so neither the environment nor
    `contextlib.redirect_stderr` can silence it.
    """
    sys.stderr.flush()
    try:
        noise = tempfile.TemporaryFile()  # noqa: SIM115  (closed below)
    except OSError as error:  # Python found no folder in which it could write a file
        raise ProjectError(f"{one_line(error.strerror)}; free some space, then run it again") from error
    saved = os.dup(2)
    with noise:
        os.dup2(noise.fileno(), 2)
        try:
            module = importlib.import_module(name)
        except Exception:
            os.dup2(saved, 2)
            noise.seek(0)
            sys.stderr.write(noise.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
    return module


with skip_imports("IPython", "matplotlib", "pandas", "pydot", "scipy", "sklearn"):
    tf = _import_quietly("tensorflow")
    keras = _import_quietly("keras")

# A user's ~/.keras/keras.json may set these: float64 weights, or another smallest probability in the loss.
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
tf.config.experimental.enable_op_determinism()
# With these optimizations, TensorFlow would compute a / sqrt(b), as in RMSprop, with the CPU's approximation of
# 1 / sqrt(b), in which Intel and AMD differ. It would compute a / n, if n is a constant, as a times the rounded 1 / n,
# unlike `fit`: BatchNormalization would differ in a last batch of another size. Without them nothing is slower.
tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False, "constant_folding": False})
tf.get_logger().setLevel("ERROR")  # it warns of retracing for the last, smaller batch


def use_threads(count: int) -> None:
    """Set the number of threads, both within an operation and for operations that run at the same time."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
    except RuntimeError as error:
        raise ProjectError(f"this process computes with {threads()} threads, so it cannot switch to {count}") from error


def threads() -> int:
    """Return the number of threads."""
    return tf.config.threading.get_intra_op_parallelism_threads()


use_threads(1)


def without_copy(array: np.ndarray) -> tf.Tensor:
    """Return a tensor that shares the array's memory if its address is a multiple of 64, otherwise a copy.

    `tf.constant` copies every array, and most of them twice. Nobody may write into the array afterwards.
    """
    if array.ctypes.data % 64 or not array.flags.carray:  # TensorFlow's CPU code would crash
        return tf.constant(array)
    return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))  # identity: copies to the GPU, if any


def gpus() -> list[str]:
    """Return the names of the graphics cards that TensorFlow will use, with the version of the driver."""
    driver = Path("/sys/module/nvidia/version")
    version = f", driver {driver.read_text().strip()}" if driver.exists() else ""
    names = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [f"{details.get('device_name', 'unknown')}{version}" for details in names]

"""TensorFlow and Keras, imported without their noise and set up so that equal inputs give equal bytes.

Everything that needs a model imports `keras` and `tf` from here, never directly; and because the import takes
seconds, stages import such modules inside `main`.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from stages.base.errors import ProjectError, one_line
from stages.base.imports import without

# Read by TensorFlow and Keras while they are imported. A user's ~/.keras/keras.json could otherwise choose
# another backend, and oneDNN off makes the bits depend on the number of threads.
os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1")

# Where a processor has AVX-512, oneDNN would compute with it: faster, with other last bits than everybody else's. To
# have that, with results and stored epochs of its own, say DEFAULT here.
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"


def _import_quietly(name: str) -> ModuleType:
    """Import a module with file descriptor 2 pointed at a file; show that file if the import fails.

    TensorFlow's C++ code writes to the descriptor before any log level is read, so neither the environment
    nor `contextlib.redirect_stderr` keeps it quiet.
    """
    sys.stderr.flush()
    try:
        noise = tempfile.TemporaryFile()  # noqa: SIM115  (closed below)
    except OSError as error:  # Python has tried to write a few bytes into each
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


with without("IPython", "matplotlib", "pandas", "pydot", "scipy", "sklearn"):
    tf = _import_quietly("tensorflow")
    keras = _import_quietly("keras")

# What else a user's ~/.keras/keras.json may say: float64 weights, another bound on a probability in the loss.
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)
keras.config.set_image_data_format("channels_last")
tf.config.experimental.enable_op_determinism()
# Else TensorFlow makes a / sqrt(b), as in RMSprop, a times the processor's own approximation of 1 / sqrt(b), in which
# Intel and AMD differ; and a / n, where n is known beforehand, a times the rounded 1 / n, as `fit` does not: there
# BatchNormalization would differ in a last batch of another size. It costs no time.
tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False, "constant_folding": False})
tf.get_logger().setLevel("ERROR")  # it warns of retracing where a last, smaller batch is expected


def use_threads(count: int) -> None:
    """Let TensorFlow compute with so many threads, within an operation and beside each other.

    Raises:
        ProjectError: this process has begun to compute with another number.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
    except RuntimeError as error:
        raise ProjectError(f"this process computes with {threads()} threads, and cannot with {count}") from error


def threads() -> int:
    """With how many threads it computes."""
    return tf.config.threading.get_intra_op_parallelism_threads()


use_threads(1)


def without_copy(array: np.ndarray) -> tf.Tensor:
    """The array as a tensor that uses the array's memory, if that begins at a whole number of 64 bytes; else of a copy.

    `tf.constant` copies every array, and most of them twice. Nobody may write into the array afterwards.
    """
    if array.ctypes.data % 64 or not array.flags.carray:  # TensorFlow's code for processors would crash
        return tf.constant(array)
    return tf.identity(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))  # identity: onto the GPU, if any


def gpus() -> list[str]:
    """The names of the graphics cards that TensorFlow will compute on, with the driver's version."""
    driver = Path("/sys/module/nvidia/version")
    version = f", driver {driver.read_text().strip()}" if driver.exists() else ""
    names = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return [f"{details.get('device_name', 'unknown')}{version}" for details in names]

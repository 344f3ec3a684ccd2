"""Set the environment variables that affect the bits of results, before any library reads them."""

import os
import sys
import time
from pathlib import Path

STARTED_NS = time.time_ns()  # before Python reads any other source of the project
ROOT = Path(__file__).resolve().parent.parent

# A shell may set these for other programs. They select a backend, CPU instructions, or a way to round or to draw.
OVERRIDES = (
    "DNNL_", "FREETYPE_PROPERTIES", "KERAS_", "MATPLOTLIB", "MPL_", "NPY_", "NVIDIA_TF32_OVERRIDE", "ONEDNN_",
    "OPENBLAS_CORETYPE", "SCIPY_", "SKLEARN_", "TF2_", "TF_", "XLA_",
)  # fmt: skip
HARMLESS = ("TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR")  # these do not affect results

for name in [name for name in os.environ if name.startswith(OVERRIDES) and name not in HARMLESS]:
    del os.environ[name]

# With oneDNN off, the bits would depend on the number of threads. The log level hides TensorFlow's messages.
os.environ.update(KERAS_BACKEND="tensorflow", MPLBACKEND="agg", TF_ENABLE_ONEDNN_OPTS="1", TF_CPP_MIN_LOG_LEVEL="3")

# With AVX-512, oneDNN, NumPy and OpenBLAS compute other last bits than with AVX2. To use every CPU instruction, with
# results and stored epochs of your own, replace AVX2 by DEFAULT here.
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"

if os.uname().machine == "x86_64":
    from stages.base.environment import has_avx2

    os.environ.update(NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR", OPENBLAS_CORETYPE="Haswell")
    if not has_avx2():  # NumPy or TensorFlow would crash
        print("this CPU lacks AVX2 or FMA, which the results need (Intel since 2013, AMD since 2015)", file=sys.stderr)
        sys.exit(2)

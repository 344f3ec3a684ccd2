"""What must be done before Python reads any other of our sources, or a library."""

import hashlib
import os
import sys
from pathlib import Path
from types import TracebackType

PROGRAM = sys.argv[0] == "-m"  # as Python has it while it looks for `python -m stages.train`: a program, no library
ACTIVATE = "source .venv/bin/activate (make sets it up)"

if PROGRAM and not (3, 11) <= sys.version_info[:2] <= (3, 13):
    print(f"Python 3.11, 3.12 or 3.13 is needed, {sys.executable} is another; type: {ACTIVATE}", file=sys.stderr)
    sys.exit(2)

# Variables of a person's shell that would change what is computed, drawn or printed, or end it: how Python starts,
# which code for which processor a library takes, how it rounds, its settings, another repository for Git. They are
# meant for other programs. What says how much of the machine may be used (threads, graphics cards) stays.
FOREIGN = (
    "PYTHONCASEOK", "PYTHONCOERCECLOCALE", "PYTHONDEVMODE", "PYTHONHASHSEED", "PYTHONINSPECT", "PYTHONINTMAXSTRDIGITS",
    "PYTHONIOENCODING", "PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONVERBOSE", "PYTHONWARNINGS",
    "ABSL_", "DNNL_", "FREETYPE_PROPERTIES", "GLIBC_TUNABLES", "H5PY_", "JSIMD_", "KERAS_", "LOKY_PICKLER",
    "MATPLOTLIB", "MPLBACKEND", "MPL_", "NPY_", "NUMPY_", "NVIDIA_TF32_OVERRIDE", "ONEDNN_", "OPENBLAS_CORETYPE",
    "OPENBLAS_VERBOSE", "PSUTIL_", "PYDANTIC_", "SCIPY_", "SKLEARN_", "SM_FORMULA_ENGINE", "TF2_", "TF_", "TQDM_",
    "XLA_",
    "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_OBJECT_DIRECTORY", "GIT_WORK_TREE",
)  # fmt: skip
KEPT = ("TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR")  # they decide no byte


def forget_foreign() -> list[str]:
    """Take them out of this process's environment; their names."""
    foreign = [name for name in os.environ if name.startswith(FOREIGN) and name not in KEPT]
    for name in foreign:
        del os.environ[name]
    return foreign


AT_THE_START = ("PYTHON", "GLIBC_TUNABLES")  # Python, or the system's library under it, has read those already

if PROGRAM and any(name.startswith(AT_THE_START) for name in forget_foreign()):
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

ROOT = Path(__file__).resolve().parent.parent

# What the sources are that DVC may look at: see `base/inputs.py`.
SOURCES = {
    path.relative_to(ROOT).as_posix(): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    for package in ("stages", "study")
    for path in (ROOT / package).rglob("*")
    if path.suffix in (".py", ".html", ".css", ".md") and path.is_file()  # an editor's lock may be a link to nothing
}


def _ended(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """One line for Ctrl-C while modules are being imported, before `process.run`, and for a package that is absent."""
    if issubclass(kind, KeyboardInterrupt):
        print("stopped by Ctrl-C", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and not str(error.name).startswith(("stages", "study", "benchmarks")):
        print(f"{error.name} is not installed for {sys.executable}; type: {ACTIVATE}", file=sys.stderr)
        sys.exit(2)
    else:
        sys.__excepthook__(kind, error, traceback)


# NumPy, and the BLAS in NumPy and SciPy, read these when they are imported. Where a processor has AVX-512 they would
# take code that gives other last bits; so they take that for AVX2. TensorFlow's limit is in `training/backend.py`.
PORTABLE = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Haswell"}


def _hold_avx2() -> None:
    """Refuse a processor on which that code would end the process in a crash."""
    try:
        from stages.base.environment import cpu
    except ModuleNotFoundError:  # archspec: `make` installs it just now, or `_ended` will say what is absent
        return
    from stages.base.errors import UserError

    try:
        cpu()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if PROGRAM:
    sys.excepthook = _ended

    if os.uname().machine == "x86_64":
        _hold_avx2()
        os.environ.update(PORTABLE)

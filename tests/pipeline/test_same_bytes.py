"""The same inputs give the same bytes, whatever surrounds the process: all of it at once, and each alone."""

from pathlib import Path

import pytest

from tests.support.made import STAGES, made

THREADS = (
    "from stages.training.backend import tf\n"
    "tf.config.threading.set_intra_op_parallelism_threads(4)\n"
    "tf.config.threading.set_inter_op_parallelism_threads(4)\n"
)
SMALL = {"dataset": "digits", "epochs": 2}
REAL = {"epochs": 2}


VARIATIONS = {
    "nothing": {},
    "a folder with spaces and letters beyond ASCII": {"folder": "näch ste/폴더"},
    "four threads": {"code": THREADS + STAGES},
    "as many threads elsewhere": {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "TF_NUM_INTRAOP_THREADS": "3"},
    "the C locale": {"LC_ALL": "C", "LANG": "C"},
    "another locale": {
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
    },
    "another time zone": {"TZ": "Pacific/Kiritimati"},
    "PYTHONHASHSEED 1": {"PYTHONHASHSEED": "1"},
    "PYTHONHASHSEED 2": {"PYTHONHASHSEED": "2"},
    "settings of Python for another program": {
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
        "PYTHONIOENCODING": "ascii",
        "PYTHONDEVMODE": "1",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONVERBOSE": "1",
    },
    "settings of Matplotlib": {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MATPLOTLIBRC": "/nonexistent",
    },
    "settings of Keras and TensorFlow": {
        "KERAS_BACKEND": "torch",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "KERAS_NNX_ENABLED": "1",
        "TF2_BEHAVIOR": "0",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_XLA_FLAGS": "--nonsense",
        "XLA_FLAGS": "--nonsense",
        "TF_USE_LEGACY_KERAS": "1",
        "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "ONEDNN_VERBOSE": "1",
    },
    "settings of NumPy and what stands on it": {
        "NPY_DISABLE_CPU_FEATURES": "AVX2 nonsense",
        "SCIPY_ARRAY_API": "1",
        "SKLEARN_WARNINGS_AS_ERRORS": "1",
        "OPENBLAS_CORETYPE": "Prescott",
        "TQDM_NCOLS": "many",
        "LOKY_PICKLER": "nonsense",
    },
    "a terminal": {"terminal": True, "TERM": "xterm"},
    "another home": {"HOME": "/nonexistent"},
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return made(tmp_path_factory.mktemp("usual") / "folder", SMALL)


def test_the_bytes_do_not_depend_on_all_of_it_at_once(usual, tmp_path: Path):
    changes = {name: value for variation in VARIATIONS.values() for name, value in variation.items()}
    assert made(tmp_path / changes.pop("folder"), SMALL, **changes) == usual
    assert len(usual) == 26


@pytest.mark.acceptance
def test_the_bytes_do_not_depend_on_any_of_it_on_all_images(real_data, tmp_path: Path):
    expected = made(tmp_path / "usual", REAL)
    for number, (variation, changes) in enumerate(VARIATIONS.items()):
        given = {name: value for name, value in changes.items() if name != "folder"}
        assert made(tmp_path / str(number) / changes.get("folder", "folder"), REAL, **given) == expected, variation
    print(f"{len(VARIATIONS)} surroundings: {len(expected)} outputs with the same bytes")


@pytest.mark.parametrize("changes", [pytest.param({"seed": 1}, marks=pytest.mark.acceptance), {"split_seed": 1}])
def test_another_seed_gives_another_run_and_the_split_has_its_own(usual, tmp_path: Path, changes: dict):
    other = made(tmp_path / "folder", SMALL | changes)
    different = {path for path in usual if other[path] != usual[path]}
    splits = {path for path in different if path.startswith("data/") and path.endswith(".npz")}
    assert {"models/best-model.keras", "models/model.weights.h5", "plots/history.csv"} <= different
    expected = {"data/prepared/train.npz", "data/prepared/val.npz"} if "split_seed" in changes else set()
    assert splits == expected

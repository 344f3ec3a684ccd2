"""The same inputs give the same bytes, whatever surrounds the process, on every x86-64 CPU with AVX2.

After a deliberate change of results, renew checksums.json: python -m tests.pipeline.test_same_bytes
"""

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from stages.base.params import Params
from tests.support.clone import Clone
from tests.support.made import STAGES, made, needs_emulator, outputs_in, run_code
from tests.support.workspace import ROOT, SMALL, new_workspace

SHORT = SMALL | {"epochs": 2}  # what the fixture `evaluated` has
THREADS = (
    "from stages.training.backend import tf\n"
    "tf.config.threading.set_intra_op_parallelism_threads(4)\n"
    "tf.config.threading.set_inter_op_parallelism_threads(4)\n"
)
VARIATIONS = {
    "a folder with spaces and letters beyond ASCII": {"folder": "näch ste/폴더"},
    "four threads": {"code": THREADS + STAGES},
    "as many threads elsewhere": {"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "TF_NUM_INTRAOP_THREADS": "3"},
    "another locale": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "another time zone": {"TZ": "Pacific/Kiritimati"},
    "another order of sets": {"PYTHONHASHSEED": "1"},
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
    "settings of NumPy and of what uses it": {
        "NPY_DISABLE_CPU_FEATURES": "AVX2 nonsense",
        "SCIPY_ARRAY_API": "1",
        "SKLEARN_WARNINGS_AS_ERRORS": "1",
        "OPENBLAS_CORETYPE": "Prescott",
    },
    "a terminal": {"terminal": True, "TERM": "xterm"},
    "another home": {"HOME": "/nonexistent"},
}


def test_the_bytes_do_not_depend_on_all_of_it_at_once(evaluated: Path, tmp_path: Path):
    changes = {name: value for variation in VARIATIONS.values() for name, value in variation.items()}
    usual = outputs_in(evaluated)
    assert made(tmp_path / changes.pop("folder"), SHORT, **changes) == usual
    assert {"data/prepared/params.json", "models/best-model.keras", "plots/report.html"} <= usual.keys()


@pytest.mark.acceptance
def test_the_bytes_do_not_depend_on_any_of_it_on_all_images(real_data, tmp_path: Path):
    expected = made(tmp_path / "usual", {"epochs": 2})
    for number, (variation, changes) in enumerate(VARIATIONS.items()):
        given = {name: value for name, value in changes.items() if name != "folder"}
        folder = tmp_path / str(number) / changes.get("folder", "folder")
        assert made(folder, {"epochs": 2}, **given) == expected, variation


@pytest.mark.parametrize(
    ("name", "parts"), [("seed", ()), pytest.param("split_seed", ("train", "val"), marks=pytest.mark.acceptance)]
)
def test_a_seed_decides_the_training_and_split_seed_alone_the_split(evaluated: Path, tmp_path: Path, name, parts):
    usual, other = outputs_in(evaluated), made(tmp_path / "folder", SHORT | {name: 1})
    different = {path for path in usual if other[path] != usual[path]}
    assert {"models/best-model.keras", "models/model.weights.h5", "plots/history.csv"} <= different
    splits = {path for path in different if path.startswith("data/") and path.endswith(".npy")}
    assert splits == {f"data/prepared/{part}_{kind}.npy" for part in parts for kind in ("images", "labels")}


CHECKSUMS = Path(__file__).with_name("checksums.json")
NETWORKS = ("dense", "cnn")


def checksums(outputs: dict[str, bytes]) -> dict[str, str]:
    """Return the md5 of each output but the two pages, whose sentences may change."""
    return {
        path: hashlib.md5(contents).hexdigest()
        for path, contents in sorted(outputs.items())
        if path not in ("models/CARD.md", "plots/report.html")
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_every_output_has_the_committed_bytes(network: str, evaluated: Path, tmp_path: Path):
    outputs = outputs_in(evaluated) if network == "dense" else made(tmp_path / "folder", SHORT | {"network": network})
    committed = json.loads(CHECKSUMS.read_text(encoding="utf-8"))
    environment = json.loads(outputs["metrics/environment.json"])
    if environment != committed["environment"]:
        pytest.skip(f"the committed bytes are those of {committed['environment']}, not of {environment}")
    assert checksums(outputs) == committed[network]


def renew() -> None:
    """Write the checksums that this machine computes."""
    values = {}
    for network in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            outputs = made(Path(folder) / "folder", SHORT | {"network": network})
        values["environment"] = json.loads(outputs["metrics/environment.json"])
        values[network] = checksums(outputs)
    CHECKSUMS.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


@pytest.mark.acceptance
def test_a_clone_has_the_committed_bytes_where_git_would_turn_line_endings(tmp_path: Path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    committed = Clone(ours).run("git", "ls-files", "-z").stdout.rstrip("\0").split("\0")
    subprocess.run(["git", "clone", "--quiet", "--config", "core.autocrlf=true", ours, theirs], check=True)
    assert [name for name in committed if (theirs / name).read_bytes() != (ours / name).read_bytes()] == []


@needs_emulator
def test_another_cpu_trains_the_same_bytes(evaluated: Path, tmp_path: Path):
    """Scores, pictures and pages take as long again: they are in the next test."""
    computing = STAGES.removesuffix("stages.evaluate.main()\nstages.plot.main()\n")
    usual, there = outputs_in(evaluated), made(tmp_path / "there", SHORT, code=computing, cpu="Haswell")
    assert {"models/best-model.keras", "plots/history.csv", "metrics/train.json"} <= there.keys()
    assert [name for name in there if there[name] != usual[name]] == []


RUNS = {
    "real": {"limit": 1000, "epochs": 2},
    "pictures": {"dataset": "images", "image_dir": "pictures", "image_size": 20, "color_mode": "rgb", "epochs": 2},
    **{
        optimizer: SHORT | {"optimizer": optimizer}
        for optimizer in get_args(Params.model_fields["optimizer"].annotation)
    },
}
# The trainings of a comparison run in this process: QEMU does not emulate the children of a process.
EVERYTHING = (
    STAGES.splitlines()[0]
    + """
import os
import numpy as np
from pathlib import Path
from seeds.statistics import compare
from seeds.training import Training, train_group
from stages.base.params import TrainingParams, read_params

top = Path.cwd()
for folder in sorted(path for path in top.iterdir() if path.is_dir()):
    os.chdir(folder)
    for stage in (stages.prepare, stages.train, stages.evaluate, stages.plot):
        stage.main()
    if folder.name == "adam":
        values = read_params().model_dump(include=set(TrainingParams.model_fields))
        Path("metrics/group.json").write_text(train_group([Training(TrainingParams(**values), 300)]))
        samples = {size: np.random.default_rng(size).normal(0.1, 1, size) for size in (8, 10, 30)}
        Path("metrics/compared.txt").write_text(repr(compare(samples)))
"""
)


def everything(folder: Path, cpu: str | None = None) -> dict[str, bytes]:
    """Run all stages with all optimizers and data sets, and a comparison, in one process."""
    for name, params in RUNS.items():
        new_workspace(folder / name, **params)
    for name in ("cat", "dog"):
        (folder / "pictures/pictures" / name).mkdir(parents=True)
        for number, file in enumerate(sorted((ROOT / "data/examples").glob("*/*.png"))[:40]):
            picture = Image.open(file).convert("RGB").resize((50 + number, 70), Image.Resampling.LANCZOS)
            ending = ("jpg", "webp", "png")[number % 3]
            picture.save(folder / f"pictures/pictures/{name}/{number}.{ending}")
    run_code(folder, EVERYTHING, cpu=cpu)
    return outputs_in(folder, ("*/data/prepared/*", "*/m*/*", "*/plots/*"))


@needs_emulator
@pytest.mark.acceptance
@pytest.mark.parametrize("cpu", ["Haswell", "EPYC"])
def test_another_cpu_gives_all_the_same_bytes(real_data, tmp_path: Path, cpu: str):
    here, there = everything(tmp_path / "here"), everything(tmp_path / "there", cpu)
    assert {"adam/metrics/group.json", "real/models/CARD.md", "pictures/plots/report.html"} <= here.keys()
    assert there.keys() == here.keys()
    assert [name for name in here if there[name] != here[name]] == []


if __name__ == "__main__":
    renew()

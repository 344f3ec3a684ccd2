"""The same inputs give the same bytes, whatever surrounds the process, on every x86-64 CPU with AVX2.

After a deliberate change of results, renew checksums.json: python -m tests.pipeline.test_same_bytes
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

from stages.base.params import Params
from tests.support.made import STAGES, made, needs_emulator, outputs_in, run_code
from tests.support.workspace import ROOT, SMALL, new_workspace

SHORT = SMALL | {"epochs": 2}  # what the fixture `evaluated` has
FOUR_THREADS = (
    "from stages.training.backend import tf\n"
    "tf.config.threading.set_intra_op_parallelism_threads(4)\n"
    "tf.config.threading.set_inter_op_parallelism_threads(4)\n"
)
SETTINGS = {
    "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "TF_NUM_INTRAOP_THREADS": "3", "PYTHONHASHSEED": "1",
    "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "TERM": "xterm", "HOME": "/nonexistent",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": "/nonexistent",
    "KERAS_BACKEND": "torch", "KERAS_MAX_STEPS_PER_EPOCH": "1", "KERAS_NNX_ENABLED": "1", "TF_USE_LEGACY_KERAS": "1",
    "TF2_BEHAVIOR": "0", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_XLA_FLAGS": "--nonsense", "XLA_FLAGS": "--nonsense",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16", "ONEDNN_MAX_CPU_ISA": "SSE41", "ONEDNN_VERBOSE": "1",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 nonsense", "OPENBLAS_CORETYPE": "Prescott",
    "SCIPY_ARRAY_API": "1", "SKLEARN_WARNINGS_AS_ERRORS": "1",
}  # fmt: skip


def test_the_bytes_depend_on_no_setting_folder_or_number_of_threads(evaluated: Path, tmp_path: Path):
    usual = outputs_in(evaluated)
    assert {"data/prepared/params.json", "models/best-model.keras", "plots/report.html"} <= usual.keys()
    assert made(tmp_path / "näch ste/폴더", SHORT, code=FOUR_THREADS + STAGES, **SETTINGS) == usual


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
    if network == "dense":
        outputs = outputs_in(evaluated)
    else:  # the last bits of convolutions depend on the number of threads, which no setting may change
        outputs = made(tmp_path / "folder", SHORT | {"network": network}, **SETTINGS)
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


@needs_emulator
def test_another_cpu_trains_the_same_bytes(evaluated: Path, tmp_path: Path):
    """On the same prepared images. The other stages are in the next test."""
    there = tmp_path / "there"
    new_workspace(there, **SHORT)
    shutil.copytree(evaluated / "data/prepared", there / "data/prepared")
    run_code(there, "from stages import train; train.main()", cpu="Haswell")
    trained, usual = outputs_in(there), outputs_in(evaluated)
    assert {"models/best-model.keras", "plots/history.csv", "metrics/train.json"} <= trained.keys()
    assert [name for name in trained if trained[name] != usual[name]] == []


RUNS = {
    "real": {"limit": 1000, "epochs": 2},
    "pictures": {"dataset": "images", "image_dir": "pictures", "image_size": 20, "color_mode": "rgb", "epochs": 2},
} | {name: SHORT | {"optimizer": name} for name in get_args(Params.model_fields["optimizer"].annotation)}
# The trainings of a comparison run in this process: QEMU does not emulate the children of a process.
EVERYTHING = """
import json
import os
import numpy as np
from pathlib import Path
from seeds.statistics import compare
from seeds.training import Training, train_group
from stages import evaluate, plot, prepare, train
from stages.base.params import TrainingParams, read_params

top = Path.cwd()
for folder in sorted(path for path in top.iterdir() if path.is_dir()):
    os.chdir(folder)
    for stage in (prepare, train, evaluate, plot):
        stage.main()
    if folder.name == "adam":
        values = read_params().model_dump(include=set(TrainingParams.model_fields))
        results = train_group([Training(TrainingParams(**values), 300)])
        Path("metrics/group.json").write_text(json.dumps(results))
        samples = {size: np.random.default_rng(size).normal(0.1, 1, size) for size in (8, 10, 30)}
        Path("metrics/compared.txt").write_text(repr(compare(samples)))
"""


def everything(folder: Path, cpu: str | None = None) -> dict[str, bytes]:
    """Run all stages with all optimizers and data sets, and a comparison, in one process."""
    for name, params in RUNS.items():
        new_workspace(folder / name, **params)
    for number, file in enumerate(sorted((ROOT / "data/examples").glob("*/*.png"))[:80]):
        kind, ending = ("cat", "dog")[number % 2], ("jpg", "webp", "png")[number % 3]
        path = folder / f"pictures/pictures/{kind}/{number}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.open(file).convert("RGB").resize((50 + number, 70), Image.Resampling.LANCZOS).save(path)
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

"""The same bytes on every x86-64 processor with AVX2: this machine's own, and others that QEMU emulates."""

import shutil
from pathlib import Path
from typing import get_args

import archspec.cpu
import pytest
from PIL import Image

from benchmarks.workspace import lift_limit
from stages.base.params import Params
from tests.support.made import STAGES, begin, made, needs_emulator, outputs_in, run_code
from tests.support.small import small_sizes, small_study
from tests.support.workspace import ROOT

SMALL = {"dataset": "digits", "epochs": 2}
has_avx512 = pytest.mark.skipif("avx512f" not in archspec.cpu.host().features, reason="this processor has no AVX-512")


@needs_emulator
def test_what_the_stages_compute_has_the_same_bytes(tmp_path: Path):
    """Scores, pictures and pages take as long again: they are among `test_everything_has_the_same_bytes`."""
    computing = STAGES.removesuffix("stages.evaluate.main()\nstages.plot.main()\n")
    here = made(tmp_path / "here", SMALL, code=computing)
    assert made(tmp_path / "there", SMALL, code=computing, cpu="Haswell") == here
    assert {"models/best-model.keras", "plots/history.csv", "metrics/train.json"} <= here.keys()


@has_avx512
def test_without_the_limit_avx512_gives_other_bytes(tmp_path: Path):
    """So the limit is what does it, and the tests here would see it gone."""
    for folder in ("stages", "study"):
        shutil.copytree(ROOT / folder, tmp_path / "unlimited" / folder)
    shutil.copy(ROOT / "dvc.yaml", tmp_path / "unlimited")
    lift_limit(tmp_path / "unlimited")
    here = made(tmp_path / "here", SMALL)
    there = made(tmp_path / "there", SMALL, PYTHONPATH=str(tmp_path / "unlimited"))
    assert {"models/best-model.keras", "plots/history.csv"} <= {name for name in here if here[name] != there[name]}


PICTURES = {"dataset": "images", "image_dir": "pictures", "image_size": 20, "color_mode": "rgb", "epochs": 2}
RUNS = {
    "real": {"limit": 1000, "epochs": 2},
    "pictures": PICTURES,
    **{
        optimizer: SMALL | {"optimizer": optimizer}
        for optimizer in get_args(Params.model_fields["optimizer"].annotation)
    },
}
EVERYTHING = (
    STAGES.splitlines()[0]
    + """
import os
import sys
from pathlib import Path
from stages.experiments.comparison_page import page
from stages.report.style import use_style
from study.notes import findings, trainings
from study.sizes import cells, effects
from tests.support.experiments import COMMITTED, compare_settings, sweep

top = Path.cwd()
for folder in sorted(path for path in top.iterdir() if path.is_dir()):
    os.chdir(folder)
    for stage in (stages.check, stages.prepare, stages.train, stages.evaluate, stages.plot):
        stage.main()
    if Path("study").exists():
        trainings.main()
        findings.main()
        sys.argv[1:] = ["dense"]
        cells.main()
        effects.main()
os.chdir(top)
use_style()
table = compare_settings(
    sweep({0.3: 0, 0.1: -0.01, 0.5: 0.002}, patiences=(2, 5)), "validation.loss", COMMITTED, None
)
Path("comparison.txt").write_text("\\n".join(map(repr, (table.varied, table.baseline, *table.rows, table.notes))))
Path("comparison.html").write_text(page(table))
"""
)


def everything(folder: Path, cpu: str | None = None) -> dict[str, bytes]:
    """All stages with all optimizers and data sets, the study, and a comparison: one process."""
    for name, params in RUNS.items():
        begin(folder / name, params)
    small_study(folder / "adam")
    small_sizes(folder / "adam", kinds=("dense",))
    for name in ("cat", "dog"):
        (folder / "pictures/pictures" / name).mkdir(parents=True)
        for number, file in enumerate(sorted((ROOT / "data/examples").glob("*/*.png"))[:40]):
            picture = Image.open(file).convert("RGB").resize((50 + number, 70), Image.Resampling.LANCZOS)
            ending = ("jpg", "webp", "png")[number % 3]
            picture.save(folder / f"pictures/pictures/{name}/{number}.{ending}")
    # in this process all seeds of the study too: QEMU does not see to the children of a process
    run_code(folder, EVERYTHING, cpu=cpu, LOKY_MAX_CPU_COUNT="1")
    return outputs_in(
        folder, ("comparison.*", "*/data/*.json", "*/data/prepared/*", "*/m*/*", "*/plots/*", "*/study/*/*")
    )


@needs_emulator
@pytest.mark.acceptance
def test_everything_has_the_same_bytes(real_data, tmp_path: Path):
    here = everything(tmp_path / "here")
    assert len(here) == len(RUNS) * 26 + 2 + 19
    for cpu in ("Haswell", "EPYC"):
        there = everything(tmp_path / cpu, cpu)
        assert there.keys() == here.keys()
        assert [name for name in here if there[name] != here[name]] == []
        print(f"as {cpu}: {len(here)} outputs with the same bytes")

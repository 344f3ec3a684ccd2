"""Small designs of the two studies."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages import prepare
from tests.support.workspace import ROOT, SMALL, new_workspace


def run_study(folder: Path, write_design: Callable[[Path], None], *stages) -> Path:
    """Run the stages of a small study in a new folder, and return the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        new_workspace(folder, **SMALL)
        write_design(folder)
        for stage in (prepare, *stages):
            stage.main()
    return folder


def small_study(folder: Path, **changes: object) -> None:
    """Write a design of the notes' study with two seeds and a quarter of the epochs."""
    (folder / "study/notes").mkdir(parents=True, exist_ok=True)
    for page in (ROOT / "study/notes").glob("*.jinja"):
        shutil.copy(page, folder / "study/notes")
    design = yaml.safe_load((ROOT / "study/notes.yaml").read_text(encoding="utf-8")) | {"seeds": 2} | changes
    for training in design["trainings"].values():
        training |= {"epochs": -(-training["epochs"] // 4), "learning_rate": 0.05}  # so that something happens
    (folder / "study/notes.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    _add_pipeline(folder)


def small_sizes(folder: Path, seeds: int = 2, epochs: int = 3) -> None:
    """Write a design of the study of sizes with three epochs and a hundredth of the fewest and the most images."""
    (folder / "study/sizes").mkdir(parents=True, exist_ok=True)
    for page in (ROOT / "study/sizes").glob("*.jinja"):
        shutil.copy(page, folder / "study/sizes")
    design = yaml.safe_load((ROOT / "study/sizes.yaml").read_text(encoding="utf-8"))
    for network in design["networks"].values():
        network |= {"seeds": seeds, "images": [network["images"][n] // 100 for n in (0, -1)]}
        network |= {"epochs": epochs, "patience": 1}
        network["hidden_units"] //= 10
    (folder / "study/sizes.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")
    _add_pipeline(folder)


def _add_pipeline(folder: Path) -> None:
    shutil.copy(ROOT / "study/dvc.yaml", folder / "study")

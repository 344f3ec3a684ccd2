"""Small designs of the two studies."""

import shutil
from pathlib import Path

import yaml

from tests.support.workspace import ROOT


def small_study(folder: Path) -> None:
    """Write a design of the notes' study with two seeds and a quarter of the epochs."""
    design = _begin(folder, "notes") | {"seeds": 2}
    for training in design["trainings"].values():
        # so that training stops early
        training.update(epochs=-(-training["epochs"] // 4), learning_rate=0.05, patience=training["patience"] and 1)
    (folder / "study/notes.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")


def small_sizes(folder: Path, **changes: object) -> None:
    """Write a design of the study of sizes with two seeds, eight epochs, and the fewest and the most images."""
    design = _begin(folder, "sizes")
    for network in design["networks"].values():
        images = [network["images"][0], network["images"][-1]]
        network.update({"seeds": 2, "images": images, "epochs": 8} | changes)
    (folder / "study/sizes.yaml").write_text(yaml.safe_dump(design, sort_keys=False), encoding="utf-8")


def _begin(folder: Path, study: str) -> dict:
    """Copy the pipeline and the templates of a study, and return its committed design."""
    (folder / "study" / study).mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "study/dvc.yaml", folder / "study")
    for page in (ROOT / "study" / study).glob("*.jinja"):
        shutil.copy(page, folder / "study" / study)
    return yaml.safe_load((ROOT / f"study/{study}.yaml").read_text(encoding="utf-8"))

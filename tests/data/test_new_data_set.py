"""A new data set, added to a copy of the project just as docs/images.md says."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.workspace import ROOT, python, write_params

DOCS = (ROOT / "docs/images.md").read_text(encoding="utf-8")


def insert(path: Path, before: str, text: str) -> None:
    whole = path.read_text(encoding="utf-8")
    assert whole.count(before) == 1
    path.write_text(whole.replace(before, f"{text}{before}"), encoding="utf-8")


@pytest.mark.process
def test_a_data_set_is_added_in_ten_lines_and_all_stages_follow_its_shape_and_names(tmp_path: Path):
    function, case = re.findall(r"(?s)```python\n(.+?)```", DOCS)
    assert len((function + case).splitlines()) + 1 <= 10
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    insert(tmp_path / "stages/data/datasets.py", "def load_dataset(", f"{function}\n\n")
    insert(tmp_path / "stages/data/datasets.py", "    for part in (dataset.train, dataset.test):\n", case)
    insert(tmp_path / "stages/base/params.py", '"images"]\n', '"my_arrays", ')

    labels = np.arange(100, dtype=np.uint8) % 2
    images = np.random.default_rng(0).integers(0, 100, (100, 5, 9, 3), np.uint8)
    images[labels == 1, :, :4] += 100
    (tmp_path / "data/raw").mkdir(parents=True)
    np.savez(tmp_path / "data/raw/mine.npz", images=images, labels=labels)
    write_params(tmp_path, dataset="my_arrays", epochs=5, batch_size=8)
    stages = ("check", "prepare", "train", "evaluate", "plot")
    code = f"import importlib\nfor stage in {stages}: importlib.import_module(f'stages.{{stage}}').main()"
    done = python("-c", code, folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    data, evaluation = (json.loads((tmp_path / f"metrics/{name}.json").read_text()) for name in ("data", "evaluation"))
    assert (data["dataset"], data["classes"], data["train"], data["test"]) == ("my_arrays", 2, 64, 20)
    assert re.findall(r"(?m)^(\w+),[\d.]", (tmp_path / "plots/per_class.csv").read_text()) == ["cat", "dog"]
    assert evaluation["test"]["accuracy"] > 0.9
    Image.fromarray(images[1]).resize((90, 50)).save(tmp_path / "photo.png")
    done = python("-m", "stages.commands.predict", "photo.png", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.stdout.splitlines()[1].split()[:2] == ["photo.png", "dog"], done.stderr
    assert "5 x 9 pixels in colour" in (tmp_path / "models/CARD.md").read_text(encoding="utf-8")

"""A new data set, added to a copy of the project just as docs/data.md says."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.workspace import ROOT, python, write_params

DOCS = (ROOT / "docs/data.md").read_text(encoding="utf-8")


def insert(path: Path, before: str, text: str) -> None:
    whole = path.read_text(encoding="utf-8")
    assert whole.count(before) == 1
    path.write_text(whole.replace(before, f"{text}{before}"), encoding="utf-8")


@pytest.mark.process
def test_all_stages_follow_the_shape_and_the_class_names_of_a_new_data_set(tmp_path: Path):
    function, case = re.findall(r"(?s)```python\n(.+?)```", DOCS)
    for folder in ("stages", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
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
    Image.fromarray(images[1]).resize((90, 50)).save(tmp_path / "photo.png")
    code = (
        "from stages import prepare, train, evaluate, plot\nfor stage in (prepare, train, evaluate, plot): stage.main()"
    )
    for command in (["-c", code], ["-m", "tools.predict", "photo.png"]):
        done = python(*command, folder=tmp_path, PYTHONPATH=str(tmp_path))
        assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[:2] == ["photo.png", "dog"]
    data, evaluation = (json.loads((tmp_path / f"metrics/{name}.json").read_text()) for name in ("data", "evaluation"))
    assert (data["dataset"], data["classes"], data["train"], data["test"]) == ("my_arrays", 2, 64, 20)
    assert re.findall(r"(?m)^(\w+),[\d.]", (tmp_path / "plots/per_class.csv").read_text()) == ["cat", "dog"]
    assert evaluation["test"]["accuracy"] > 0.9

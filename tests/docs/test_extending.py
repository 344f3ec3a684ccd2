"""A network and a data set of a reader's own, added to a copy of the project as the documents show."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.training.backend import keras
from tests.docs.text import ROOT, read
from tests.support.fit import FIT
from tests.support.made import STAGES, outputs_in, run_code
from tests.support.workspace import SMALL, python, read_json, write_params


def examples(page: str) -> list[str]:
    """Return the blocks of Python in a document."""
    return re.findall(r"(?s)```python\n(.+?)```", read(page))


def insert(path: Path, before: str, text: str) -> None:
    whole = path.read_text(encoding="utf-8")
    assert whole.count(before) == 1
    path.write_text(whole.replace(before, f"{text}{before}"), encoding="utf-8")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the network of the docs, all stages run with it."""
    folder = tmp_path_factory.mktemp("own") / "project"
    (function,) = examples("docs/networks.md")
    for each in ("stages", "data"):
        shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__", "prepared", "raw"))
    shutil.copy(ROOT / "dvc.yaml", folder)
    insert(folder / "stages/training/networks.py", "class Network(NamedTuple):", f"{function}\n\n")
    insert(folder / "stages/training/networks.py", '    "cnn": Network(', '    "mine": Network(mine, threads=2),\n')
    insert(folder / "stages/base/params.py", '"cnn"]\n', '"mine", ')
    write_params(folder, **SMALL, network="mine", epochs=8, learning_rate=0.01)
    run_own(folder, STAGES)
    return folder


def run_own(folder: Path, code: str) -> None:
    run_code(folder, code, PYTHONPATH=f"{folder}:{ROOT}")


@pytest.mark.process
def test_a_network_of_a_readers_own_runs_through_all_stages(own: Path):
    layers = [type(layer).__name__ for layer in keras.models.load_model(own / "models/best-model.keras").layers]
    assert layers.count("BatchNormalization") >= 2
    assert layers.count("Dropout") >= 2
    assert read_json(own / "metrics/evaluation.json")["test"]["accuracy"] > 0.5
    assert "the network `mine`" in (own / "models/CARD.md").read_text(encoding="utf-8")


@pytest.mark.process
def test_it_continues_with_the_bytes_of_a_run_from_nothing(own: Path, tmp_path: Path):
    expected = outputs_in(own)
    again = tmp_path / "project"
    shutil.copytree(own, again)
    shutil.rmtree(again / "models/.epochs")
    write_params(again, **SMALL, network="mine", epochs=1, learning_rate=0.01)
    run_own(again, "import stages.train\nstages.train.main()\n")
    assert outputs_in(again) != expected
    write_params(again, **SMALL, network="mine", epochs=8, learning_rate=0.01)
    run_own(again, STAGES)
    assert outputs_in(again) == expected
    epochs = read_json(again / "metrics/train.json")["epochs"]
    assert len(list((again / "models/.epochs").glob("*/0*"))) == epochs  # the first was read back


@pytest.mark.process
def test_the_loop_equals_fit_with_it(own: Path):
    """Also the moving means of BatchNormalization and the counters of both Dropout layers."""
    run_own(
        own,
        f"{FIT}data = sample(); assert_equals_fit(head(data.train, 330), head(data.test, 330), params(network='mine'))",
    )


@pytest.mark.process
def test_all_stages_follow_the_shape_and_the_class_names_of_a_new_data_set(tmp_path: Path):
    function, case = examples("docs/data.md")
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
    data, evaluation = (read_json(tmp_path / f"metrics/{name}.json") for name in ("data", "evaluation"))
    assert (data["dataset"], data["classes"], data["train"], data["test"]) == ("my_arrays", 2, 64, 20)
    assert re.findall(r"(?m)^(\w+),[\d.]", (tmp_path / "plots/per_class.csv").read_text()) == ["cat", "dog"]
    assert evaluation["test"]["accuracy"] > 0.9

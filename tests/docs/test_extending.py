"""Every example of docs/extend.md, inserted into a copy of the project as the page shows it."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.docs.text import read
from tests.support.clone import Clone
from tests.support.fit import FIT
from tests.support.made import STAGES, outputs_in, run_code
from tests.support.workspace import SMALL, read_json, write_params

OWN = SMALL | {"network": "mine", "l2": 0.001, "epochs": 4, "patience": None, "learning_rate": 0.01}


def insert_examples(folder: Path) -> None:
    """Change the files as the blocks of the page say: context, lines to remove and lines to add."""
    for block in re.findall(r"(?s)```diff\n# (.+?)\n```", read("docs/extend.md")):
        name, *lines = block.split("\n")
        before, after = ("\n".join(line[1:] for line in lines if line[:1] != sign) for sign in "+-")
        path = folder / name
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        assert text.count(before) == 1 or not text, block
        path.write_text(text.replace(before, after) if text else f"{after}\n", encoding="utf-8")


def write_arrays(folder: Path) -> np.ndarray:
    """Write the file of the page's data set, and return its images: half are brighter in the left part."""
    labels = np.arange(100, dtype=np.uint8) % 2
    images = np.random.default_rng(0).integers(0, 100, (100, 5, 9, 3), np.uint8)
    images[labels == 1, :, :4] += 100
    (folder / "data/raw").mkdir(parents=True, exist_ok=True)
    np.savez(folder / "data/raw/mine.npz", images=images, labels=labels)
    return images


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with all examples, in which the pipeline ran with the network of the page."""
    clone = Clone(tmp_path_factory.mktemp("own"))
    insert_examples(clone.folder)
    write_arrays(clone.folder)
    write_params(clone.folder, **OWN)
    clone.commit()
    clone.dvc("repro")
    clone.commit()
    return clone


@pytest.mark.dvc
def test_the_pipeline_runs_with_all_of_them(own: Clone):
    evaluation = read_json(own.folder / "metrics/evaluation.json")
    assert evaluation["test"]["accuracy"] > 0.5
    assert evaluation["test"]["accuracy"] < evaluation["test"]["top2"] < 1
    trained = read_json(own.folder / "metrics/train.json")["val_loss"]
    validation = evaluation["validation"]
    assert validation["penalty"] > 0.01
    assert validation["loss"] + validation["penalty"] == pytest.approx(trained, rel=1e-5)  # Keras's loss includes it
    assert "the network `mine`" in (own.folder / "models/CARD.md").read_text(encoding="utf-8")
    rows = (own.folder / "plots/history.csv").read_text(encoding="utf-8").splitlines()
    assert [row.rpartition(",")[2] for row in rows] == ["learning_rate", "0.01", "0.009", "0.0081", "0.00729"]
    assert len((own.folder / "plots/classes.csv").read_text(encoding="utf-8").splitlines()) == 11


@pytest.mark.dvc
def test_the_linter_and_the_tests_of_the_layout_pass_with_all_of_them(own: Clone):
    own.run("ruff", "check", ".")
    own.run("ruff", "format", "--check", ".")
    tests = ("tests/test_dvc_yaml.py", "tests/test_architecture.py", "tests/training/test_networks.py")
    quick = "not (trains or process or dvc or acceptance)"
    own.run(sys.executable, "-m", "pytest", "-q", "-m", quick, *tests, "-p", "no:cacheprovider")


@pytest.mark.dvc
def test_a_comparison_over_seeds_uses_the_parameter_the_network_and_the_callback(own: Clone):
    assert "2 seeds" in own.run(sys.executable, "-m", "seeds", "try", "l2=0", "--seeds=2").stdout
    rows = [read_json(path) for path in (own.folder / "models/.trainings").glob("*.json")]
    assert all(len(row["history"]["learning_rate"]) == OWN["epochs"] for row in rows)
    assert len(rows) == 4


@pytest.mark.dvc
def test_training_equals_fit_and_continues_with_the_bytes_of_a_run_from_nothing(own: Clone):
    """Also the moving means of BatchNormalization and the counters of both Dropout layers."""
    expected = outputs_in(own.folder)
    for record in (own.folder / "models/.epochs").glob("*/00000[2-4]-*"):
        record.unlink()
    parts = "head(data.train, 330), head(data.test, 330)"
    equals_fit = f"{FIT}data = sample(); assert_equals_fit({parts}, params(network='mine', l2=0.001))"
    run_code(own.folder, STAGES + equals_fit, PYTHONPATH=str(own.folder))
    assert outputs_in(own.folder) == expected


@pytest.mark.process
def test_all_stages_follow_the_shape_and_the_class_names_of_a_new_data_set(tmp_path: Path, own: Clone):
    images = write_arrays(tmp_path)
    write_params(tmp_path, dataset="my_arrays", epochs=5, batch_size=8)
    Image.fromarray(images[1]).resize((90, 50)).save(tmp_path / "photo.png")
    predict = (
        "import io, sys; sys.argv = ['predict', 'photo.png']; sys.stdout = io.TextIOWrapper(io.BytesIO())\n"
        "from tools import predict; predict.main(); sys.stdout.seek(0); assert ' dog ' in sys.stdout.read()"
    )
    run_code(tmp_path, STAGES + predict, PYTHONPATH=str(own.folder))
    data, evaluation = (read_json(tmp_path / f"metrics/{name}.json") for name in ("data", "evaluation"))
    assert (data["dataset"], data["classes"], data["train"], data["test"]) == ("my_arrays", 2, 64, 20)
    assert re.findall(r"(?m)^(\w+),[\d.]", (tmp_path / "plots/per_class.csv").read_text()) == ["cat", "dog"]
    assert evaluation["test"]["accuracy"] > 0.9

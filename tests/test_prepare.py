"""prepare, in one process, without DVC."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages import evaluate, plot, prepare, train
from stages.base.errors import UserError
from stages.base.files import load_csv
from stages.data.datasets import head
from stages.data.images import PREPARED, Dataset, Images, load_images
from tests.support.workspace import read_json, run_stages, write_pictures


def test_prepare_splits_and_counts(workspace):
    run_stages(workspace, prepare, val_size=0.25)
    parts = {name: load_images(PREPARED, name) for name in ("train", "val", "test")}
    counts = {name: len(part.labels) for name, part in parts.items()}
    assert counts == {"train": 450, "val": 150, "test": 600}
    assert read_json("metrics/data.json") == {
        "dataset": "sample", "classes": 10, **counts, "test_in_training": 0, "left_out": 0,
    }  # fmt: skip


OF_PICTURES = {"dataset": "images", "image_dir": "mine", "limit": None}


def test_the_same_image_in_train_and_test_is_counted_and_named(workspace, sample_data: Dataset, capsys):
    for part in ("train", "test"):
        write_pictures(workspace / "mine" / part, head(getattr(sample_data, part), 100))
    twin = workspace / f"mine/train/{sample_data.train.classes[sample_data.train.labels[7]]}/00007.png"
    Image.open(twin).save(workspace / "mine/test/Bag/copy.bmp")  # of another class, in another format
    run_stages(workspace, prepare, **OF_PICTURES)
    assert read_json("metrics/data.json")["test_in_training"] == 1
    assert "mine/test/Bag/copy.bmp\n" in capsys.readouterr().out


def write_lopsided(folder: Path, data: Images, **counts: int) -> None:
    """Write this many pictures of each class."""
    rows = [np.flatnonzero(data.classes[data.labels] == name)[:count] for name, count in counts.items()]
    rows = np.concatenate(rows)
    write_pictures(folder, Images(data.images[rows], data.labels[rows], data.classes))


def test_a_class_without_training_images_is_refused_but_not_in_a_smoke_run(workspace, sample_data, capsys):
    write_lopsided(workspace / "mine", sample_data.train, Bag=60, Coat=40, Dress=2)
    parameters = OF_PICTURES | {"test_size": 0.5, "split_seed": 3}
    with pytest.raises(UserError, match=r"Dress.*split_seed"):
        run_stages(workspace, prepare, **parameters)
    assert not (workspace / "metrics").exists()
    run_stages(workspace, prepare, **parameters | {"limit": 51})
    assert "Dress" in capsys.readouterr().out
    run_stages(workspace, prepare, **parameters | {"split_seed": 0})  # the advice helps


@pytest.mark.trains
def test_a_class_without_test_images_is_in_no_mean_and_is_named(workspace, sample_data: Dataset):
    write_lopsided(workspace / "mine", sample_data.train, Bag=60, Coat=60, Dress=2)
    smoke = OF_PICTURES | {"test_size": 0.5, "limit": 12, "batch_size": 4, "epochs": 1}
    run_stages(workspace, prepare, train, evaluate, plot, **smoke)
    labels = load_images(PREPARED, "test").labels
    assert set(labels) == {0, 1}
    measured = read_json("metrics/evaluation.json")["test"]
    table = load_csv(Path("plots/per_class.csv"), {"class": str, "f1": float})
    assert [row["class"] for row in table] == ["Bag", "Coat"]
    assert measured["macro_f1"] == pytest.approx(np.mean([row["f1"] for row in table]))
    for path in ("models/CARD.md", "plots/report.html"):
        text = Path(path).read_text(encoding="utf-8")
        assert "Dress" in text
        assert not re.search(r"(?m)^\| Dress \||>Dress</th>", text)

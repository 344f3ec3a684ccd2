"""check and prepare, in one process, without DVC."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages import check, evaluate, plot, prepare, train
from stages.base.errors import UserError
from stages.base.files import load_csv
from stages.data.datasets import digits, head
from stages.data.images import Images, also_among, load_images
from tests.support.workspace import read_json, run_stages, write_params, write_pictures


def test_check_writes_the_same_schema_whatever_the_values(workspace):
    run_stages(workspace, check)
    before = Path("data/params.schema.json").read_bytes()
    run_stages(workspace, check, dropout=0.5, patience=None)
    assert Path("data/params.schema.json").read_bytes() == before
    assert set(json.loads(before)["properties"]) >= {"dropout", "patience"}


def test_check_refuses_and_leaves_the_schema(workspace):
    run_stages(workspace, check)
    with pytest.raises(UserError, match="dropout"):
        run_stages(workspace, check, dropout=2)
    assert Path("data/params.schema.json").exists()


def test_prepare_splits_and_counts(workspace):
    run_stages(workspace, prepare, val_size=0.25)
    parts = {name: load_images(Path(f"data/prepared/{name}.npz")) for name in ("train", "val", "test")}
    counts = {name: len(part.labels) for name, part in parts.items()}
    assert read_json("metrics/data.json") == {
        "dataset": "digits", "classes": 10, **counts, "test_in_training": 0, "left_out": 0,
    }  # fmt: skip
    assert counts["val"] == np.ceil(0.25 * (counts["train"] + counts["val"]))
    assert all(part.images.dtype == np.uint8 for part in parts.values())


def test_prepare_with_a_limit_makes_a_smoke_run(workspace, real_data):
    write_params(workspace, dataset="fashion_mnist", limit=100)
    prepare.main()
    assert read_json("metrics/data.json") == {
        "dataset": "fashion_mnist", "classes": 10, "train": 80, "val": 20, "test": 100,
        "test_in_training": 0, "left_out": 0,
    }  # fmt: skip


OF_PICTURES = {"dataset": "images", "image_dir": "mine", "image_size": 8}


def test_the_same_image_in_train_and_test_is_counted_and_named(workspace, capsys):
    data = digits()
    write_pictures(workspace / "mine/train", data.train)
    write_pictures(workspace / "mine/test", data.test)
    Image.fromarray(data.train.images[7]).save(
        workspace / "mine/test/4/copy.bmp"
    )  # of another class, in another format
    run_stages(workspace, prepare, dataset="images", image_dir="mine", image_size=8)
    assert read_json("metrics/data.json")["test_in_training"] == 1
    said = capsys.readouterr().out
    twin = f"mine/train/{data.train.labels[7]}/00007.png"
    assert (
        f"test images that are also among those for training, pixel for pixel: 1\n  mine/test/4/copy.bmp = {twin}\n"
        in said
    )


def test_images_twice_are_found_each_with_the_first_like_it_and_not_among_themselves():
    images = np.array([[1], [2], [2], [3]], np.uint8)
    assert also_among(images, np.array([[4], [5]], np.uint8)) == []
    assert also_among(images, np.array([[2], [5], [3], [2]], np.uint8)) == [(1, 0), (2, 0), (3, 2)]


def test_a_batch_larger_than_the_training_images_is_one_of_all_of_them(workspace):
    write_pictures(workspace / "mine", head(digits().train, 100))
    run_stages(workspace, prepare, train, **OF_PICTURES, batch_size=64, epochs=2)
    of_all = Path("models/model.weights.h5").read_bytes()
    run_stages(workspace, train, **OF_PICTURES, batch_size=1_000, epochs=2)
    assert Path("models/model.weights.h5").read_bytes() == of_all


def test_a_folder_too_small_to_leave_an_image_for_training_is_refused(workspace):
    write_pictures(workspace / "mine", head(digits().train, 100))
    with pytest.raises(UserError, match=r"params\.yaml: val_size: must leave an image for training, got 0\.999 of 80"):
        run_stages(workspace, prepare, **OF_PICTURES, val_size=0.999)
    assert not (workspace / "metrics").exists()


def write_lopsided(folder: Path, *counts: int) -> None:
    """Pictures of the digits, so many of 0, of 1, ..."""
    data = digits().train
    rows = np.concatenate([np.flatnonzero(data.labels == label)[:count] for label, count in enumerate(counts)])
    write_pictures(folder, Images(data.images[rows], data.labels[rows], data.classes))


def test_prepare_names_the_classes_that_a_part_has_no_image_of(workspace, capsys):
    write_lopsided(workspace / "mine", 50, 50, 3)
    run_stages(workspace, prepare, **OF_PICTURES)
    assert capsys.readouterr().out == (
        "images: 65 train, 17 val, 21 test images\n"
        "classes without validation images, so loss and accuracy there say nothing of them: 2\n"
    )
    run_stages(workspace, prepare, limit=8, batch_size=2)
    assert capsys.readouterr().out == (
        "digits: 6 train, 2 val, 8 test images\n"
        "classes without training images, so they cannot be learned: 0, 2, 5, 6, 7, 8, 9\n"
        "classes without validation images, so loss and accuracy there say nothing of them: "
        "0, 1, 2, 3, 4, 5, 6, 7, 8\n"
        "classes without test images, so they have no score and are in no mean: 0, 1, 4, 5, 9\n"
    )


def test_of_many_classes_without_images_ten_are_named(workspace, capsys):
    for part in ("train", "test"):
        for label in range(15):
            write_pictures(workspace / "mine" / part, Images(np.zeros((2, 8, 8), np.uint8), [label] * 2, range(15)))
    run_stages(workspace, prepare, **OF_PICTURES, limit=2)
    names = "10, 11, 12, 13, 14, 2, 3, 4, 5, 6 and 3 more"
    assert f"so they have no score and are in no mean: {names}\n" in capsys.readouterr().out


def test_a_class_of_which_none_is_left_for_training_is_refused_but_not_in_a_smoke_run(workspace, capsys):
    write_lopsided(workspace / "mine", 60, 40, 2)
    of = OF_PICTURES | {"test_size": 0.5, "split_seed": 3}
    with pytest.raises(UserError) as refused:
        run_stages(workspace, prepare, **of)
    assert str(refused.value) == (
        "params.yaml: val_size: must leave an image of each class for training, got 0.2, which with split_seed 3 "
        "leaves none of 2; try another split_seed"
    )
    assert not (workspace / "metrics").exists()
    run_stages(workspace, prepare, **of, limit=51)
    assert "classes without training images, so they cannot be learned: 2\n" in capsys.readouterr().out
    run_stages(workspace, prepare, **of | {"split_seed": 0})


def test_a_class_without_test_images_is_in_no_mean_and_named_from_end_to_end(workspace):
    write_lopsided(workspace / "mine", 60, 60, 2)
    smoke = OF_PICTURES | {"test_size": 0.5, "limit": 12, "batch_size": 4, "epochs": 1}
    run_stages(workspace, prepare, train, evaluate, plot, **smoke)
    labels = load_images(Path("data/prepared/test.npz")).labels
    assert set(labels) == {0, 1}
    measured = read_json("metrics/evaluation.json")["test"]
    table = load_csv(Path("plots/per_class.csv"), {"class": str, "f1": float})
    assert [row["class"] for row in table] == ["0", "1"]
    assert measured["macro_f1"] == pytest.approx(np.mean([row["f1"] for row in table]))
    for path in ("models/CARD.md", "plots/report.html"):
        text = Path(path).read_text(encoding="utf-8")
        assert "No test images, so no score and in no mean: 2." in text
        assert not re.search(r"(?m)^\| 2 \||>2</th>", text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_dir", "others"), ("image_size", 7), ("color_mode", "rgb"), ("test_size", 0.3), ("split_seed", 1),
        ("val_size", 0.3), ("limit", 50), ("skip_unreadable", True),
    ],
)  # fmt: skip
def test_each_parameter_of_a_folder_of_images_makes_a_difference(workspace, name, value):
    write_pictures(workspace / "mine", head(digits().train, 100))
    write_pictures(workspace / "others", head(digits().test, 100))

    def prepared(**params) -> list[bytes]:
        run_stages(workspace, prepare, **OF_PICTURES | params)
        return [path.read_bytes() for path in (*workspace.glob("data/prepared/*"), *workspace.glob("metrics/*.json"))]

    before = prepared()
    if name == "skip_unreadable":
        (workspace / "mine/3/broken.png").touch()
        with pytest.raises(UserError, match="1 file is no picture of a class"):
            prepared()
    assert prepared(**{name: value}) != before


def test_a_run_on_pictures_is_that_on_the_arrays_to_the_byte(workspace):
    """All but what names the data set."""
    run_stages(workspace, prepare, train, evaluate, epochs=2)
    folders = ("data/prepared/*", "models/*model*", "plots/*.csv", "metrics/*.json")
    outputs = [path for folder in folders for path in workspace.glob(folder) if path.name != "inputs.json"]
    arrays = {path: path.read_bytes() for path in outputs}
    assert len(arrays) == 3 + 3 + 4 + 4
    data = digits()
    for part in ("train", "test"):
        write_pictures(workspace / "data/images" / part, getattr(data, part))
    run_stages(workspace, prepare, train, evaluate, epochs=2, dataset="images", image_dir="data/images", image_size=8)
    different = {path.name for path, before in arrays.items() if path.read_bytes() != before}
    assert different == {"data.json"}

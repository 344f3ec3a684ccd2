"""Picture files classified with the model of a run on the sample."""

import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.base.errors import UserError
from stages.data.images import PREPARED, Images, load_images
from stages.data.pictures import read_picture
from stages.evaluation import saved_models
from tests.support.workspace import read_json, write_pictures
from tools import predict


@pytest.fixture
def printed(capsys, monkeypatch):
    """Return a function that runs the command and returns its standard output."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments)])
        capsys.readouterr()
        predict.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def pictures(complete: Path) -> Path:
    """The first forty test images as files."""
    test = load_images(PREPARED, "test")
    write_pictures(complete / "pictures", test._replace(images=test.images[:40], labels=test.labels[:40]))
    return Path("pictures")


def test_files_get_the_classes_and_probabilities_that_evaluate_gave_their_images(pictures, printed):
    rows = pd.read_csv(io.StringIO(printed(pictures, "--csv")))
    by_number = rows.sort_values("image", key=lambda images: images.map(lambda image: int(Path(image).stem)))
    evaluated = pd.read_csv("plots/predictions.csv")[:40]
    assert by_number["class"].tolist() == evaluated["predicted"].tolist()
    np.testing.assert_allclose(by_number["probability"], evaluated["confidence"], atol=1e-5)
    np.testing.assert_allclose(rows[load_images(PREPARED, "test").classes].sum(axis=1), 1, atol=1e-5)
    for row, line in zip(rows.itertuples(), printed(pictures).splitlines(), strict=True):
        image, name, probability = re.split(r" {2,}", line)
        assert (image, name) == (row.image, row[2])
        assert float(probability.lstrip(">")) == pytest.approx(row.probability, abs=1e-3)


def test_unreadable_pictures_are_named_the_others_are_classified_and_the_exit_code_is_2(pictures, printed, capsys):
    (pictures / "Bag/bad.png").write_bytes(b"no picture")
    with pytest.raises(SystemExit, check=lambda stop: stop.code == 2):
        printed("nowhere.png", pictures, "--csv")
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 41
    assert [line.split(": ")[0] for line in err.splitlines()] == ["nowhere.png", "pictures/Bag/bad.png"]


@pytest.mark.parametrize("dataset", ["sample", "images"])
def test_what_the_model_saw_is_written_cut_out_only_for_fashion_mnist(complete, printed, monkeypatch, dataset: str):
    read, shape = (predict.read_cut_out, (28, 28)) if dataset == "sample" else (read_picture, (28, 28, 3))
    images = np.zeros((1, *shape), np.uint8)
    monkeypatch.setattr(predict, "load_images", lambda *_: Images(images, np.array([0]), np.array(["a", "b"])))
    monkeypatch.setattr(saved_models, "load_model", lambda *_: None)
    monkeypatch.setattr(saved_models, "predict", lambda *_: np.array([[0.4, 0.6]]))
    Path("metrics/data.json").write_text(json.dumps(read_json("metrics/data.json") | {"dataset": dataset}))
    pixels = np.full((90, 60, 3), (255, 250, 240), np.uint8)
    pixels[20:70, 25:35] = (0, 0, 150)  # ink on paper
    Image.fromarray(pixels).save("one.png")
    printed("one.png", "--save-input", "seen")
    (path,) = Path("seen").iterdir()
    np.testing.assert_array_equal(np.asarray(Image.open(path)), read(Path("one.png"), shape))


@pytest.mark.parametrize("arguments", [["empty"], ["one.png", "--model", "nowhere.keras"]])
def test_a_wrong_argument_is_named(complete, printed, arguments):
    Path("empty").mkdir()
    Image.new("L", (28, 28)).save("one.png")
    with pytest.raises(UserError, match=arguments[-1]):
        printed(*arguments)


def test_noise_and_uneven_light_are_background(tmp_path: Path):
    photograph = np.tile(np.array((230, 227, 222)), (1200, 900, 1)) + np.linspace(0, 20, 1200).reshape(-1, 1, 1)
    photograph[100:1100, 300:600] = (60, 90, 150)  # taller than wide
    photograph[150:400, 360:540] = photograph[150:400, :1]  # a hole
    noisy = photograph + np.random.default_rng(0).normal(0, 3, (1200, 900, 1))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=90)
    read = predict.read_cut_out(tmp_path / "a.jpg", (28, 28))
    rows = np.flatnonzero(read.max(axis=1) > 50)
    assert (rows.min() <= 1, rows.max() >= 26) == (True, True)
    assert read[3:7, 13:15].max() < 6
    assert read[:, :6].max() == read[:, -6:].max() == 0


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0)])
def test_an_object_is_cut_out_of_its_background_and_centred_on_black(tmp_path: Path, ground: tuple[int, int, int]):
    photograph = np.tile(np.array(ground, np.uint8), (200, 300, 1))
    photograph[20:180, 30:110] = (120, 130, 140)  # 160 high, 80 wide, left of the middle
    photograph[195, 290] = 255 - np.array(ground)  # a speck of dust
    Image.fromarray(photograph).save(tmp_path / "a.png")
    read = predict.read_cut_out(tmp_path / "a.png", (28, 28)).astype(int)
    assert read[:, :6].max() == read[:, -6:].max() == 0
    assert read[:, 8:20].min() > 60  # from the top to the bottom
    np.testing.assert_allclose(read, read[:, ::-1], atol=15)


def test_a_picture_of_one_colour_is_black(tmp_path: Path):
    Image.new("RGB", (50, 40), "green").save(tmp_path / "a.png")
    assert predict.read_cut_out(tmp_path / "a.png", (28, 28)).max() == 0

"""Picture files classified with the model of a run on the sample."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages import prepare, train
from stages.base.errors import UserError
from stages.data.datasets import head
from stages.data.images import PREPARED, load_images
from tests.support.workspace import run_stages, write_pictures
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
    with pytest.raises(UserError, match="2 of 42 pictures"):
        printed("nowhere.png", pictures, "--csv")
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 41
    assert [line.split(": ")[0] for line in err.splitlines()] == ["nowhere.png", "pictures/Bag/bad.png"]


def test_what_the_model_saw_is_written(complete, printed):
    pixels = np.zeros((90, 60), np.uint8)
    pixels[20:70, 25:35] = 200
    Image.fromarray(255 - pixels).save("one.jpg", quality=95)  # ink on paper
    printed("one.jpg", "--save-input", "seen")
    (path,) = Path("seen").iterdir()
    seen = np.asarray(Image.open(path)).astype(int)
    assert seen.shape == (28, 28)
    assert seen[:, :10].max() < 30
    assert seen[3:25, 13:15].min() > 150


@pytest.mark.trains
def test_in_colour_a_picture_is_prepared_as_those_for_training(workspace, sample_data, printed):
    for part in ("train", "test"):
        images = head(getattr(sample_data, part), 100)
        colours = np.stack([images.images, 255 - images.images, images.images // 2], axis=-1)
        write_pictures(workspace / "mine" / part, images._replace(images=colours))
    run_stages(workspace, prepare, train, epochs=1, dataset="images", image_dir="mine", image_size=6, color_mode="rgb")
    printed("mine/test/Bag", "--save-input", "seen")
    test = load_images(PREPARED, "test")
    seen = [np.asarray(Image.open(path)) for path in sorted(Path("seen").iterdir())]
    np.testing.assert_array_equal(seen, test.images[test.classes[test.labels] == "Bag"])


@pytest.mark.parametrize(
    ("arguments", "keyword"),
    [
        (["empty"], "empty"),
        (["one.png", "--model", "one.png"], r"one\.png: cannot be used"),
        (["one.png", "--model", "nowhere.keras"], r"nowhere\.keras"),
    ],
)
def test_a_wrong_argument_is_one_line(complete, printed, arguments, keyword):
    Path("empty").mkdir()
    Image.new("L", (28, 28)).save("one.png")
    with pytest.raises(UserError, match=keyword) as refused:
        printed(*arguments)
    assert "\n" not in str(refused.value)


def test_a_picture_of_the_right_size_is_not_cut_out(tmp_path: Path):
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(predict.read_cut_out(tmp_path / "a.png", (28, 28)), pixels)


def test_the_noise_of_a_camera_is_background(tmp_path: Path):
    photograph = np.tile(np.array((236, 233, 228)), (1200, 900, 1))
    photograph[300:900, 340:560] = (60, 90, 150)  # taller than wide
    noisy = photograph + np.random.default_rng(0).normal(0, 3, (1200, 900, 1))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=90)
    read = predict.read_cut_out(tmp_path / "a.jpg", (28, 28))
    rows = np.flatnonzero(read.max(axis=1) > 50)
    assert (rows.min() <= 1, rows.max() >= 26) == (True, True)
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

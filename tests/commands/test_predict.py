"""What the predict command says of picture files, with the model of a run on the digits."""

import csv
import io
import json
import os
import signal
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages import prepare, train
from stages.base.errors import UserError
from stages.commands import predict
from stages.data.datasets import digits
from stages.data.images import load_images
from tests.support.workspace import run_stages, write_pictures


@pytest.fixture(autouse=True)
def undisturbed():
    handler = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, handler)


@pytest.fixture
def said(capsys, monkeypatch):
    """Run the command; what it prints on standard output."""

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["predict", *map(str, arguments)])
        capsys.readouterr()
        predict.main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def pictures(complete: Path) -> Path:
    """The first forty test images as files."""
    test = load_images(Path("data/prepared/test.npz"))
    write_pictures(complete / "pictures", test._replace(images=test.images[:40], labels=test.labels[:40]))
    return Path("pictures")


def evaluated() -> list[dict[str, str]]:
    """What the run itself says of its first forty test images."""
    with Path("plots/predictions.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))[:40]


def test_files_get_the_classes_and_probabilities_that_the_run_gave_their_images(pictures, said):
    found = json.loads(said(pictures, "--format", "json"))
    assert len(found) == 40
    assert [row["image"] for row in found] == sorted(row["image"] for row in found)
    by_number = {int(Path(row["image"]).stem): row for row in found}
    for number, expected in enumerate(evaluated()):
        row = by_number[number]
        assert set(row) == {"image", "class", "probability", "probabilities"}
        assert row["class"] == expected["predicted"]
        assert row["probability"] == pytest.approx(float(expected["confidence"]), abs=1e-5)
        assert row["probability"] == max(row["probabilities"].values()) == row["probabilities"][row["class"]]
        assert list(row["probabilities"]) == list("0123456789")
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_the_three_formats_say_the_same(pictures, said):
    found = json.loads(said(pictures, "--format", "json"))
    table = list(csv.DictReader(io.StringIO(said(pictures, "--format", "csv"))))
    head, *lines = said(pictures).splitlines()
    assert head.split() == ["image", "class", "prob.", "or"]
    for row, values, line in zip(found, table, lines, strict=True):
        assert (values["image"], values["class"]) == (row["image"], row["class"]) == tuple(line.split()[:2])
        assert float(values["probability"]) == pytest.approx(row["probability"])
        assert {name: float(values[name]) for name in "0123456789"} == pytest.approx(row["probabilities"])
        assert line.split()[2] == (f"{row['probability']:.3f}" if row["probability"] < 0.9995 else ">0.999")
        second = sorted(row["probabilities"], key=row["probabilities"].get)[-2]
        likely = row["probabilities"][second] >= predict.LIKELY  # else it is nothing that the picture may be
        assert line.split()[3:] == ([second, f"{row['probabilities'][second]:.3f}"] if likely else [])
        assert len(line) <= 80


def test_what_cannot_be_read_is_named_and_the_rest_goes_on_and_it_ends_with_2(pictures, said, capsys, monkeypatch):
    monkeypatch.setattr(predict, "AT_ONCE", 7)
    (pictures / "3/bad.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="2 of 42 pictures could not be read, see above") as refused:
        said("nothere.png", pictures, "--format", "json")
    assert refused.value.exit_code == 2
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 40
    assert err.splitlines()[:2] == [
        "nothere.png: No such file or directory",
        "pictures/3/bad.png: not a PNG, JPEG, BMP or WebP file",
    ]


def test_without_one_readable_picture_the_list_is_empty_json_all_the_same(complete, said, capsys):
    with pytest.raises(UserError, match="1 of 1 pictures"):
        said("nothere.png", "--format", "json")
    assert json.loads(capsys.readouterr().out) == []


def test_odd_names_are_one_line_each_and_the_rest_goes_on(complete, said, capsys):
    Image.new("L", (8, 8)).save(os.fsdecode(b"caf\xe9.png"))
    Image.new("L", (8, 8)).save(f"{'y' * 251}.png")
    os.mkfifo("pipe")
    with pytest.raises(UserError, match="2 of 4 pictures could not be read"):
        said("x" * 300, "pipe", os.fsdecode(b"caf\xe9.png"), f"{'y' * 251}.png", "--format", "json", "--save-input")
    out, err = capsys.readouterr()
    assert [row["image"] for row in json.loads(out)] == [os.fsdecode(b"caf\xe9.png"), f"{'y' * 251}.png"]
    assert [line[-20:] for line in err.splitlines()[:2]] == [": File name too long", "pipe: not a file"[-20:]]


def test_what_the_model_saw_is_written_pixel_by_pixel(complete, said):
    pixels = np.zeros((90, 60), np.uint8)
    pixels[20:70, 25:35] = 200
    Image.fromarray(255 - pixels).save("one.jpg", quality=95)  # ink on paper
    said("one.jpg", "--save-input", "seen")
    (path,) = Path("seen").iterdir()
    seen = np.asarray(Image.open(path)).astype(int)
    assert path.name == "00001-one.png"
    assert seen.shape == (8, 8)
    assert seen[:, :3].max() < 30
    assert seen[1:7, 3:5].min() > 150
    said("one.jpg", "--save-input")
    assert (predict.INPUTS / path.name).read_bytes() == path.read_bytes()


def test_in_colour_a_picture_is_prepared_as_those_for_training(workspace, said):
    data = digits()
    for part in ("train", "test"):
        of = getattr(data, part)
        colours = np.stack([of.images, 255 - of.images, of.images // 2], axis=-1)
        write_pictures(workspace / "mine" / part, of._replace(images=colours))
    run_stages(workspace, prepare, train, epochs=1, dataset="images", image_dir="mine", image_size=6, color_mode="rgb")
    said("mine/test/7", "--save-input", "seen")
    test = load_images(Path("data/prepared/test.npz"))
    sevens = test.images[test.labels == 7]
    seen = [np.asarray(Image.open(path)) for path in sorted(Path("seen").iterdir())]
    np.testing.assert_array_equal(seen, sevens)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name a picture or a folder of them"),
        ([""], "name a picture or a folder of them"),
        (["--save-input", "a.png", "b.png"], "--save-input takes a folder, got a.png; put the pictures before it"),
        (["empty"], "no picture in empty"),
        (["one.png", "--model", "one.png"], "one.png: cannot be used: not a whole .keras archive"),
        (["one.png", "--model", "nothere.keras"], "nothere.keras: not there"),
    ],
)
def test_what_cannot_be_done_at_all_is_one_line(complete, said, arguments, reason):
    Path("empty").mkdir()
    Image.new("L", (8, 8)).save("one.png")
    with pytest.raises(UserError, match=reason):
        said(*arguments)


def test_a_model_of_another_version_is_one_line(complete, said):
    Image.new("L", (8, 8)).save("one.png")
    with zipfile.ZipFile("models/best-model.keras") as ours, zipfile.ZipFile("later.keras", "w") as later:
        for name in ours.namelist():
            later.writestr(name, ours.read(name).replace(b'"Rescaling"', b'"FasterRescaling"'))
    with pytest.raises(UserError, match=r"^later\.keras: cannot be used: .*FasterRescaling") as refused:
        said("one.png", "--model", "later.keras")
    assert len(str(refused.value).splitlines()) == 1


def test_an_unknown_format_ends_with_2_and_names_the_known_ones(said, capsys):
    with pytest.raises(SystemExit) as stopped:
        said("a.png", "--format", "xml")
    assert stopped.value.code == 2
    said_wrong = capsys.readouterr().err
    assert all(name in said_wrong for name in ("table", "json", "csv"))

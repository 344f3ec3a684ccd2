"""The page of a run: what stands in it, that it is whole by itself, and how it looks in a real browser."""

import re
import shutil
from pathlib import Path

import html5lib
import numpy as np
import pytest
import yaml

from stages import evaluate, plot, prepare, train
from stages.base.params import OF_A_FOLDER
from stages.data.images import Images, load_images
from stages.evaluation.results import load_predictions
from stages.evaluation.scores import ReliabilityBin
from stages.report import documents
from stages.report.galleries import image_png, surest_mistakes
from stages.report.pages import data_uri, picture
from tests.support.browser import check_page, chromium, faults
from tests.support.small import HOW, LABELS, TEST, small_run
from tests.support.workspace import read_json, run_stages

PAGE = Path("plots/report.html")
DOTS = image_png(np.zeros((4, 9), np.uint8), HOW)


def parsed(html: str):
    """The page as a tree, for which it must be HTML without a fault."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)


def text(element) -> str:
    return " ".join("".join(element.itertext()).split())


def rows(tree, caption: str) -> list[list[str]]:
    """The cells of the table with this caption."""
    (table,) = [table for table in tree.iter("table") if text(table.find("caption")) == caption]
    return [[text(cell) for cell in row] for row in table.iter("tr")]


def page(predicted: np.ndarray, test: Images = TEST, **changes) -> str:
    """A page on the few images."""
    figures = dict.fromkeys(("curves", "confusion", "reliability", "examples"), picture(DOTS, "What it\nfound"))
    return documents.page(small_run(predicted, test, **changes), figures)


@pytest.fixture
def real(complete: Path):
    """The page of a run on the digits."""
    return parsed(PAGE.read_text(encoding="utf-8"))


def test_the_page_says_how_good_the_model_is_first(real, complete):
    measured = read_json("metrics/evaluation.json")
    right = round(measured["test"]["accuracy"] * 360)
    assert text(real.find(".//h1")) == f"{right} of 360 test images classified correctly"
    assert rows(real, "Accuracy and loss of the kept epoch") == [
        ["", "validation", "test"],
        *([metric, *(f"{measured[part][metric]:.4f}" for part in ("validation", "test"))]
          for metric in ("accuracy", "loss")),
    ]  # fmt: skip


def test_the_page_says_which_epoch_is_kept_and_why_training_stopped(real, complete):
    assert "Epoch 2 of 2 is kept. Training ran all 2 epochs." in text(real.find(".//header"))
    stopped = read_json("metrics/train.json") | {"stopped_epoch": 2, "best_epoch": 1}
    Path("metrics/train.json").write_text(str(stopped).replace("'", '"').replace("False", "true"))
    plot.main()
    assert "Epoch 1 of 2 is kept. Training stopped after epoch 2: val_loss no better for 2 epochs in a row." in text(
        parsed(PAGE.read_text(encoding="utf-8")).find(".//header")
    )


def test_the_page_says_under_its_headline_what_was_trained_and_the_gap(real, complete):
    header = text(real.find(".//header"))
    assert "Trained with network dense, dropout 0.3, optimizer adam, patience 2, seed 42" in header
    measured = read_json("metrics/evaluation.json")
    gap = measured["validation"]["loss"] - measured["training"]["loss"]
    assert f"The gap, validation loss minus training loss, is {gap:+.4f}, both with dropout off." in header


def test_the_page_has_every_parameter_that_counts_with_its_value(real, complete):
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params = {name: value for name, value in params.items() if name not in OF_A_FOLDER}
    shown = dict(rows(real, "Parameters (params.yaml)"))
    assert list(shown) == list(params)
    empty = {name: shown.pop(name) for name, value in params.items() if value is None}
    assert empty == {"limit": "none: all images", "lr_patience": "none: it stays"}
    assert {name: yaml.safe_load(value) for name, value in shown.items()} == {
        name: value for name, value in params.items() if name not in empty
    }


def test_an_empty_parameter_is_none_and_says_what_that_means():
    shown = dict(rows(parsed(page(LABELS)), "Parameters (params.yaml)"))
    assert shown["patience"] == "none: no early stopping"
    assert shown["limit"] == "none: all images"
    assert (shown["dropout"], shown["save_best_only"]) == ("0", "false")


def test_the_page_counts_the_data_and_names_the_environment(real, complete):
    assert rows(real, "Data") == [
        ["dataset", "digits"],
        ["classes", "10"],
        ["training images", "1,149"],
        ["validation images", "288"],
        ["test images", "360"],
        ["test images also in training", "0"],
        ["files left out", "0"],
    ]
    assert dict(rows(real, "Environment")) == read_json("metrics/environment.json")


def test_the_page_has_the_scores_of_each_class_the_lowest_f1_first(real, complete):
    heads, *scores = rows(real, "Test images, by class")
    assert heads == ["class", "precision", "recall", "F1", "support"]
    table = [line.split(",") for line in Path("plots/per_class.csv").read_text().splitlines()[1:]]
    table.sort(key=lambda row: float(row[3]))
    assert scores == [[name, *(f"{float(score):.3f}" for score in row), support] for name, *row, support in table]


def test_the_page_names_the_classes_without_test_images_and_what_naming_one_class_would_give():
    data = {"most_frequent": 4, "untested": ["<rare>", "d"]}
    said = text(parsed(page(LABELS, data=data)).find(".//section[@id='classes']"))
    assert "No test images, so no score and in no mean: <rare>, d." in said
    assert "Naming the most frequent class each time would be right on 4 of the 5 test images." in said
    assert "No test images" not in page(LABELS)


def test_the_page_says_what_calibration_error_chance_alone_makes():
    said = text(
        parsed(page(LABELS, bins=[ReliabilityBin(0.75, 1.0, 0.2, 1.0, 1)])).find(".//section[@id='confidence']")
    )
    assert "would show a calibration error of 37.5% on so many images, by chance." in said


def test_the_page_shows_the_very_files_that_plot_wrote_and_says_what_they_found(real, complete):
    images = {image.get("alt"): image.get("src") for image in real.iter("img")}
    for name, subject in (
        ("curves", "Loss and accuracy over the epochs. Epoch 2 is kept: validation loss "),
        ("confusion", "Confusion matrix. "),
        ("reliability", "Accuracy against confidence. "),
        ("examples", "The first test images of each class. "),
    ):
        (alt,) = [alt for alt in images if alt.startswith(subject)]
        assert len(alt) > len(subject) + 20
        assert images[alt] == data_uri(Path(f"plots/{name}.png").read_bytes())


def test_the_page_shows_the_mistakes_that_the_model_is_surest_of_as_the_picture_does(real, complete):
    test = load_images(Path("data/prepared/test.npz"))
    finding, mistakes = surest_mistakes(test, *load_predictions(Path("plots/predictions.csv"), test))
    section = real.find(".//section[@id='mistakes']")
    assert text(section.find("p")) == " ".join(finding.split()) + "."
    shown = [(text(item.find("strong")), text(item.find("span"))) for item in section.iter("li")]
    assert shown == [mistake.lines() for mistake in mistakes]
    pictures = [data_uri(image_png(test.images[mistake.index], HOW)) for mistake in mistakes]
    assert [image.get("src") for image in section.iter("img")] == pictures
    assert 0 < len(shown) <= 25


def test_fewer_mistakes_than_there_is_room_for_are_all_shown_and_none_is_said():
    few = parsed(page((LABELS + 1) % 3)).find(".//section[@id='mistakes']")
    assert [image.get("alt") for image in few.iter("img")] == [
        f"{truth} taken for {said}" for truth, said in ("ca", "ab", "bc", "bc", "ab")
    ]
    none = parsed(page(LABELS)).find(".//section[@id='mistakes']")
    assert text(none) == "Mistakes 0 of 5 test images misclassified."


def test_a_class_may_be_called_anything():
    odd = Images(TEST.images, LABELS, np.array(['<b>&"', "$_{$", "</style><script>alert(1)</script>"]))
    tree = parsed(page((LABELS + 1) % 3, odd))
    assert {row[0] for row in rows(tree, "Test images, by class")[1:]} == set(odd.classes)
    assert f"{odd.classes[1]} taken for {odd.classes[2]}" in {image.get("alt") for image in tree.iter("img")}
    assert not list(tree.iter("script"))


def test_every_picture_says_what_it_shows_and_stands_in_the_page_itself(real):
    for image in real.iter("img"):
        assert image.get("alt").strip()
        assert image.get("src").startswith("data:image/png;base64,")


def test_every_link_leads_to_a_place_in_the_page(real):
    places = {element.get("id") for element in real.iter() if element.get("id")}
    links = {link.get("href") for link in real.iter("a")}
    assert links == {f"#{place}" for place in places}  # and every section can be reached
    assert len(links) == 7


def test_the_page_is_small_and_asks_for_no_other_file(real, complete):
    html = PAGE.read_text(encoding="utf-8")
    assert len(html.encode()) < 2_000_000
    assert not re.search(r"://|@import|url\(|srcset|<script|<iframe|<object", html)
    assert {link.get("href") for link in real.iter("link")} == {"data:,"}


def test_the_page_has_the_same_bytes_when_it_is_made_again_elsewhere(complete, tmp_path, monkeypatch):
    before = PAGE.read_bytes()
    shutil.copytree(complete, tmp_path / "another folder")
    monkeypatch.chdir(tmp_path / "another folder")
    PAGE.unlink()
    plot.main()
    assert PAGE.read_bytes() == before


@pytest.mark.process
def test_a_browser_shows_the_page_whole_on_a_phone_and_on_a_desk_by_day_and_by_night(complete):
    check_page(PAGE)


@pytest.mark.process
def test_a_browser_shows_one_epoch_without_early_stopping_and_long_names_of_classes(workspace):
    run_stages(workspace, prepare, train, evaluate, plot, epochs=1, patience=None)
    assert "Epoch 1 of 1 is kept. Training ran its only epoch." in PAGE.read_text(encoding="utf-8")
    long = Images(TEST.images, LABELS, np.array(["<b>&", "$$", "Reinforced_ankle_boots_for_winter"]))
    Path("long.html").write_text(page((LABELS + 1) % 3, long), encoding="utf-8")
    with chromium() as browser:
        assert faults(browser, PAGE) == faults(browser, Path("long.html")) == []


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


GREY = '<p style="color: #999999; background: #ffffff">grey</p>'
BROKEN = {
    "no picture: a cat": '<img src="data:image/png;base64,AAAA" alt="a cat">',
    "scrolls sideways by ": '<p style="width: 700px">wide</p>',
    "color-contrast": GREY,
    "image-alt": f'<img src="{picture(DOTS, "").src}">',
    "error: oops": '<script>throw new Error("oops")</script>',
    "console: oops": '<script>console.error("oops")</script>',
    "asks for: https://example.org/a.png": '<img src="https://example.org/a.png" alt="far">',
}


@pytest.mark.process
@pytest.mark.parametrize("fault", BROKEN)
def test_the_browser_finds_what_is_wrong_with_a_page(browser, tmp_path, fault):
    path = tmp_path / "page.html"
    whole = '<!DOCTYPE html><html lang="en"><title>t</title><main><h1>t</h1>{}</main></html>'
    path.write_text(whole.format(""))
    assert faults(browser, path) == []
    path.write_text(whole.format(BROKEN[fault]))
    assert any(fault in found for found in faults(browser, path))


@pytest.mark.process
def test_the_browser_sees_the_page_by_night(browser, tmp_path):
    path = tmp_path / "page.html"
    by_night = "<style>@media (prefers-color-scheme: dark) { p { display: block !important } }</style>"
    hidden = GREY.replace("color:", "display: none; color:", 1)
    path.write_text(f'<!DOCTYPE html><html lang="en"><title>t</title>{by_night}<main><h1>t</h1>{hidden}</main></html>')
    assert faults(browser, path) == []
    assert any("color-contrast" in found for found in faults(browser, path, scheme="dark"))

"""The page of a run: its values, that it is one file, and a real browser that shows it."""

import re
from pathlib import Path

import html5lib
import jinja2
import numpy as np
import pytest
import yaml

from stages.base.params import OF_A_FOLDER
from stages.data.images import PREPARED, Images, load_images
from stages.evaluation.results import load_predictions
from stages.report import documents
from stages.report.documents import Picture, png
from stages.report.galleries import dark_on_white, most_confident_mistakes
from stages.report.pages import render
from tests.support.browser import check_page
from tests.support.small import LABELS, TEST, small_run
from tests.support.workspace import read_json

PAGE = Path("plots/report.html")
FIGURES = ("curves", "confusion", "reliability", "examples")
DOTS = Picture(png(np.zeros((400, 900), np.uint8)), "A\nfinding")


def parsed(html: str):
    """The page as a tree; HTML with an error raises."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)


def text(element) -> str:
    return " ".join("".join(element.itertext()).split())


def rows(tree, caption: str) -> list[list[str]]:
    """The cells of the table with this caption."""
    (table,) = [table for table in tree.iter("table") if text(table.find("caption")) == caption]
    return [[text(cell) for cell in row] for row in table.iter("tr")]


def page(predicted: np.ndarray, test: Images = TEST, **changes) -> str:
    """The page of a run on a few images."""
    return documents.page(small_run(predicted, test, **changes), dict.fromkeys(FIGURES, DOTS))


@pytest.fixture
def real(complete: Path):
    """The page of a run on the sample."""
    return parsed(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_the_results_the_parameters_and_the_data_of_the_run(real):
    measured = read_json("metrics/evaluation.json")
    assert text(real.find(".//h1")).startswith(f"{round(measured['test']['accuracy'] * 600)} of 600 ")
    for metric, *values in rows(real, "Accuracy and loss of the kept epoch")[1:]:
        assert values == [f"{measured[part][metric]:.4f}" for part in ("validation", "test")]
    header = text(real.find(".//header"))
    assert "Epoch 2 of 2 is kept" in header
    assert f"{measured['validation']['loss'] - measured['training']['loss']:+.4f}" in header

    table = [line.split(",") for line in Path("plots/per_class.csv").read_text().splitlines()[1:]]
    table.sort(key=lambda row: float(row[3]))  # the lowest F1 first
    expected = [[name, *(f"{float(score):.3f}" for score in row), support] for name, *row, support in table]
    assert rows(real, "Test images, by class")[1:] == expected

    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    shown = dict(rows(real, "Parameters (params.yaml)"))
    assert list(shown) == [name for name in params if name not in OF_A_FOLDER]
    assert all(params[name] == (None if value == "none" else yaml.safe_load(value)) for name, value in shown.items())
    assert ["training images", "480"] in rows(real, "Data")
    assert dict(rows(real, "Environment")) == read_json("metrics/environment.json")


def test_the_page_is_one_file_with_the_pictures_that_plot_wrote(real):
    images = {image.get("src") for image in real.iter("img")}
    assert all(image.get("alt").strip() for image in real.iter("img"))
    for name in FIGURES:
        assert Picture(Path(f"plots/{name}.png").read_bytes(), "").src in images
    html = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"://|@import|url\(|srcset|<script|<iframe|<object", html)
    places = {element.get("id") for element in real.iter() if element.get("id")}
    assert {link.get("href") for link in real.iter("a")} == {f"#{place}" for place in places}
    assert len(html.encode()) < 2_000_000


def test_the_page_shows_the_most_confident_mistakes_in_order(real):
    test = load_images(PREPARED, "test")
    _, mistakes = most_confident_mistakes(test, *load_predictions(Path("plots/predictions.csv"), test))
    section = real.find(".//section[@id='mistakes']")
    captions = [(text(item.find("strong")), text(item.find("span"))) for item in section.iter("li")]
    assert captions == [(mistake.answer, mistake.truth) for mistake in mistakes]
    images = dark_on_white(test, [mistake.index for mistake in mistakes])
    pictures = [Picture(png(image), "").src for image in images]
    assert [image.get("src") for image in section.iter("img")] == pictures
    assert not list(parsed(page(LABELS)).find(".//section[@id='mistakes']").iter("img"))


def test_a_class_may_have_any_name_and_need_not_have_test_images():
    names = ['<b>&"', "$_{$", "</style><script>alert(1)</script>", "<rare>"]
    tree = parsed(page((LABELS + 1) % 3, Images(TEST.images, LABELS, np.array(names))))
    assert {row[0] for row in rows(tree, "Test images, by class")[1:]} == set(names)
    assert not list(tree.iter("script"))
    assert text(tree.find(".//section[@id='classes']")).count("<rare>") == 2  # in the table of `small_run`, in the text


def test_a_template_escapes_html_and_needs_every_value(tmp_path):
    for name, expected in (("a.html", "&lt;b&gt;"), ("a.md.jinja", "<b>")):
        (tmp_path / name).write_text("{{ name }}")
        assert render(tmp_path / name, name="<b>") == expected
        with pytest.raises(jinja2.UndefinedError):
            render(tmp_path / name, nmae="<b>")


@pytest.mark.process
def test_a_browser_shows_the_page_on_a_phone_in_both_color_schemes_also_with_long_names(tmp_path: Path):
    long = TEST._replace(classes=np.array(["<b>&", "$$", "Reinforced_ankle_boots_for_winter"]))
    (tmp_path / "long.html").write_text(page((LABELS + 1) % 3, long), encoding="utf-8")
    check_page(tmp_path / "long.html")

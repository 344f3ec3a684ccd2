"""The page to explore: its numbers are those of the tables, and in a browser they follow the sliders and menus."""

import functools
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from study import explore
from study.stopping import with_patience
from tests.support.browser import chromium, faults
from tests.support.workspace import ROOT

HISTORY = pd.read_csv(ROOT / "study/notes/history.csv")
WHOLE = ("rmsprop-20", "adam-20", "dropout-20")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explore")
    shutil.copytree(ROOT / "study", folder / "study", ignore=shutil.ignore_patterns("*.py", "*.png", "explore.html"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        explore.main()
    return folder / explore.PAGE


def constant(page: Path, name: str):
    """A value in the page's script."""
    return json.loads(re.search(rf"(?m)^const {name} = (.+);$", page.read_text(encoding="utf-8"))[1])


def table(page: Path, *columns: str) -> pd.DataFrame:
    """The data of a chart, found by its columns."""
    (rows,) = [rows for rows in constant(page, "datasets").values() if set(columns) <= set(rows[0])]
    return pd.DataFrame(rows)


@functools.cache
def stopped(training: str, patience: int | None) -> pd.DataFrame:
    """What Keras's EarlyStopping makes of each seed: epochs run, the kept epoch and its scores."""
    rows = []
    for seed, history in HISTORY[HISTORY["training"] == training].groupby("seed"):
        epochs, kept = with_patience(history.to_dict("list"), "val_loss", patience)
        rows.append((seed, epochs, kept, *history[history["epoch"] == kept][["val_loss", "val_accuracy"]].iloc[0]))
    return pd.DataFrame(rows, columns=["seed", "epochs", "kept_epoch", "val_loss", "val_accuracy"])


def cells(training: str, patience: int) -> dict[str, str]:
    """The numbers beside the chart."""
    last = HISTORY[(HISTORY["training"] == training) & (HISTORY["epoch"] == 20)]
    kept = stopped(training, patience)
    texts = {"epochs": f"{kept['epochs'].mean():.1f}", "saved": f"{20 - kept['epochs'].mean():.1f}"}
    for column, rows in (("kept", kept), ("best", stopped(training, None)), ("last", last)):
        texts[f"{column}_val_loss"] = f"{rows['val_loss'].mean():.3f}"
        texts[f"{column}_val_accuracy"] = f"{rows['val_accuracy'].mean():.2%}"
    return texts


def test_every_result_is_that_of_keras_early_stopping(page):
    found = table(page, "patience").set_index(["training", "patience"])
    assert len(found) == 3 * 10 * 19
    numbers = constant(page, "numbers")
    for training in WHOLE:
        for patience in range(1, 20):
            expected = stopped(training, patience)
            assert found.loc[training, patience][list(expected)].to_numpy().tolist() == expected.to_numpy().tolist()
            assert cells(training, patience).items() <= numbers[training][patience - 1].items()
    recorded = pd.read_csv(ROOT / "study/notes/patience.csv").query("training in @WHOLE")
    both = recorded.merge(found.reset_index(), on=list(recorded.columns))
    assert len(both) == len(recorded) == 3 * 10 * 10


def test_a_difference_is_paired_by_seed_and_in_percentage_points(page):
    claims = pd.read_csv(ROOT / "study/notes/claims.csv").set_index(["of", "beside", "value"])
    shown = constant(page, "numbers")["adam-20"][1]  # patience 2, as in the training "adam-stopped"
    for value, factor, form in (("val_loss", 1, ".3f"), ("val_accuracy", 100, ".2f")):
        claim = claims.loc["adam-stopped", "adam-20", value] * factor
        text = f"{-claim['mean']:+{form}} ± {claim['high'] - claim['mean']:{form}}"
        assert shown[f"last_{value}_change"] == text.replace("-", "\N{MINUS SIGN}")


def test_the_curves_are_the_means_of_the_history(page):
    rows = table(page, "part", "low").set_index(["part", "training", "epoch"])
    for part in ("loss", "val_loss"):
        expected = HISTORY.groupby(["training", "epoch"])[part].agg(["mean", "std"]).loc[["adam-20", "dropout-20"]]
        assert rows.loc[part]["mean"].tolist() == pytest.approx(expected["mean"].tolist())
        assert (rows.loc[part]["high"] - rows.loc[part]["low"]).tolist() == pytest.approx(
            (2 * 2.262157 / 10**0.5 * expected["std"]).tolist()  # Student's t with 9 degrees of freedom
        )


def test_the_effects_are_those_of_the_study(page):
    effects = pd.read_csv(ROOT / "study/sizes/effects.csv").query("not early_stopping")
    factor = effects["value"].str.endswith("accuracy").map({True: 100, False: 1})
    shown = table(page, "measure", "significant")
    for part in ("mean", "low", "high"):
        assert shown[part].tolist() == pytest.approx((effects[part] * factor).tolist())
    assert shown["significant"].tolist() == (effects["adjusted_p"] <= 0.05).tolist()
    assert shown["images"].tolist() == effects["images"].tolist()


def test_the_page_is_small_and_has_the_same_bytes_again(page, monkeypatch):
    before = page.read_bytes()
    monkeypatch.chdir(page.parent.parent)
    explore.main()
    assert page.read_bytes() == before
    assert len(before) < 2_000_000


def open_page(browser, path: Path, language: str = "en") -> Page:
    """Open the page on a phone without a network."""
    page = browser.new_context(offline=True, viewport={"width": 360, "height": 780}).new_page()
    page.goto(f"{path.as_uri()}#{language}")
    page.wait_for_function("document.getElementById('kept_val_loss').textContent")
    return page


def shows(page: Page, training: str, patience: int) -> bool:
    """Whether the numbers and the marks in the chart are those of early stopping."""
    page.wait_for_function("patience => views.stopping.signal('patience') === patience", arg=patience)
    page.evaluate("views.stopping.runAsync().then(() => null)")
    marks = page.locator("#stopping path[aria-roledescription=point]").evaluate_all(
        "marks => marks.map(mark => mark.getAttribute('aria-label') || '')"
    )
    drawn = {kind: [] for kind in ("kept_epoch", "epochs")}
    for mark in marks:
        kind, epoch = re.search(r"kind: (\w+)", mark)[1], int(re.search(r"(?:epoch|에포크): (\d+)", mark)[1])
        drawn[kind].append(epoch)
    texts = cells(training, patience)
    expected = stopped(training, patience)
    return {name: page.text_content(f"#{name}") for name in texts} == texts and all(
        sorted(epochs) == sorted(expected[kind]) for kind, epochs in drawn.items()
    )


@pytest.mark.process
def test_the_keyboard_and_the_menu_change_the_numbers_and_the_marks_and_a_language_keeps_them(page):
    with chromium() as browser:
        opened = open_page(browser, page)
        assert shows(opened, "adam-20", 2)
        opened.get_by_role("slider", name="patience").focus()
        opened.keyboard.press("ArrowRight")
        assert shows(opened, "adam-20", 3)
        opened.get_by_role("combobox", name="training").select_option("rmsprop-20")
        assert shows(opened, "rmsprop-20", 3)
        opened.get_by_role("link", name="한국어").click()
        opened.get_by_role("heading", name="조기 종료는 훈련을 언제 멈출까?").wait_for()
        assert shows(opened, "rmsprop-20", 3)


@pytest.mark.process
def test_the_distance_follows_the_epoch_and_filled_points_the_menus(page):
    effects = table(page, "measure", "significant")
    with chromium() as browser:
        opened = open_page(browser, page)
        opened.get_by_role("slider", name="epoch").focus()
        for _ in range(9):
            opened.keyboard.press("ArrowLeft")
        means = HISTORY[HISTORY["epoch"] == 11].groupby("training")[["loss", "val_loss"]].mean()
        for training in ("adam-20", "dropout-20"):
            distance = f"{means.loc[training, 'val_loss'] - means.loc[training, 'loss']:.3f}"
            opened.locator("#gap svg text", has_text=distance).wait_for()
        for cell in effects["cell"].unique():
            opened.get_by_role("combobox", name="network").select_option(cell)
            for measure in effects["measure"].unique():
                opened.get_by_role("combobox", name="measure").select_option(measure)
                opened.evaluate("views.effect.runAsync().then(() => null)")
                points = opened.locator("#effect path[aria-roledescription=point]")
                filled = [
                    fill != "white" for fill in points.evaluate_all("all => all.map(e => e.getAttribute('fill'))")
                ]
                chosen = effects[(effects["cell"] == cell) & (effects["measure"] == measure)]
                assert filled == chosen["significant"].tolist(), (cell, measure)


@pytest.mark.process
def test_a_browser_shows_the_page_on_a_phone_in_both_languages_without_a_network(page):
    with chromium() as browser:
        assert faults(browser, page) == []
        for language in ("en", "ko"):
            opened = open_page(browser, page, language)
            assert opened.evaluate("[document.documentElement.lang, document.body.scrollWidth]") == [language, 360]
            right = "all => all.map(chart => chart.getBoundingClientRect().right)"
            assert len(charts := opened.locator(".chart svg").evaluate_all(right)) == 3
            assert max(charts) <= 344  # the page's margin is 16 pixels
            axe = Axe().run(opened)
            assert axe.violations_count == 0, axe.generate_report()

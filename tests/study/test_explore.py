"""The page to explore: its numbers are those of the tables, and in a browser they follow the slider and the menus."""

import json

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from seeds.statistics import spread
from study.explore import NAMES, explore_page
from study.stopping import stop_early
from tests.support.browser import chromium, faults
from tests.support.workspace import ROOT

pytestmark = pytest.mark.trains  # seconds: Altair, and the results of 570 trainings that were stopped

HISTORY = pd.read_csv(ROOT / "study/notes/history.csv", index_col=["training", "seed", "epoch"])
HISTORY = HISTORY.rename(index=NAMES, level="training").sort_index()


@pytest.fixture(scope="module")
def html() -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return explore_page()


def constant(html: str, name: str) -> dict:
    """A value in the page's script."""
    return json.loads(html.partition(f"\nconst {name} = ")[2].partition(";\n")[0])


def data(html: str, chart: str, column: str) -> pd.DataFrame:
    """The data of a chart with this column."""
    datasets = constant(html, "charts")[chart]["datasets"].values()
    return next(pd.DataFrame(rows) for rows in datasets if column in rows[0])


def test_every_result_is_that_of_keras_early_stopping(html):
    results = data(html, "stopping", "kept_epoch")
    curves = data(html, "stopping", "epoch").set_index(["training", "seed"])
    assert len(results) == 3 * 10 * 19
    for row in results.itertuples():
        epochs, curve = HISTORY.loc[row.training, row.seed], curves.loc[row.training, row.seed]
        stopped = stop_early(epochs.to_dict("list"), "val_loss", row.patience)
        assert row._asdict().items() >= stopped.items()
        assert curve.loc[curve["patience"] <= row.patience, "epoch"].tolist() == [*range(1, row.epochs + 1)]


def test_the_numbers_beside_the_chart_are_means_over_the_seeds(html):
    texts = constant(html, "texts")
    for (training, patience), stopped in data(html, "stopping", "kept_epoch").groupby(["training", "patience"]):
        epochs, run = HISTORY.loc[training], stopped["epochs"].mean()
        best = epochs.loc[epochs.groupby("seed")["val_loss"].idxmin()].mean()
        last = epochs.xs(20, level="epoch").mean()
        expected = {"epochs": f"{run:.1f}", "saved": f"{20 - run:.1f}"}
        for metric, form in (("val_loss", ".3f"), ("val_accuracy", ".2%")):
            expected[f"kept_{metric}"] = f"{stopped[f'kept_{metric}'].mean():{form}}"
            expected |= {f"best_{metric}": f"{best[metric]:{form}}", f"last_{metric}": f"{last[metric]:{form}}"}
        assert texts[training][patience - 1] == expected


def test_from_patience_2_to_5_training_runs_longer_and_keeps_a_lower_loss(html):
    means = data(html, "stopping", "kept_epoch").groupby(["training", "patience"]).mean().loc["Adam"]
    assert means.loc[5, "epochs"] > means.loc[2, "epochs"]
    assert means.loc[5, "kept_val_loss"] < means.loc[2, "kept_val_loss"]


def test_the_curves_and_the_effects_are_those_of_the_studies(html):
    curves = data(html, "curves", "metric").set_index(["training", "metric", "epoch"])
    for (training, metric, epoch), row in curves.iterrows():
        seeds = HISTORY.loc[training].xs(epoch, level="epoch")[metric]
        assert row.to_dict() == pytest.approx(spread(seeds)._asdict())
    drawn = data(html, "effect", "setting")
    effects = pd.read_csv(ROOT / "study/sizes/effects.csv").query("value == 'kept_val_loss' and not early_stopping")
    for column in ("network", "images", "mean", "low", "high"):
        assert drawn[column].tolist() == effects[column].tolist()
    assert drawn["significant"].tolist() == (effects["adjusted_p"] <= 0.05).tolist()


def test_the_page_is_small_and_has_the_same_bytes_again(html, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert explore_page() == html
    assert len(html.encode()) < 2_000_000


@pytest.mark.process
def test_a_phone_without_a_network_follows_the_keyboard_and_the_menus_in_both_languages(html, tmp_path):
    path, texts, results = tmp_path / "explore.html", constant(html, "texts"), data(html, "stopping", "kept_epoch")
    path.write_text(html, encoding="utf-8")
    with chromium() as browser:
        assert faults(browser, path) == []
        page = browser.new_context(offline=True, is_mobile=True, viewport={"width": 360, "height": 780}).new_page()
        page.goto(f"{path.as_uri()}#en")
        menu, slider = page.get_by_role("combobox", name="training"), page.get_by_role("slider", name="patience")
        expect(menu).to_have_value("Adam")
        for training, key, patience in (("Adam", "ArrowRight", 3), ("RMSprop", "End", 19)):
            menu.select_option(training)
            slider.press(key)
            for name, text in texts[training][patience - 1].items():
                expect(page.locator(f"#{name}")).to_have_text(text)
            marks = page.locator("#stopping path[aria-roledescription=point]")
            epochs = marks.evaluate_all("marks => marks.map(mark => Number(mark.ariaLabel.match(/[0-9]+/)))")
            rows = results.query("training == @training and patience == @patience")
            assert sorted(epochs) == sorted([*rows["epochs"], *rows["kept_epoch"]])
        for language, other in (("en", "한국어"), ("ko", "English")):
            assert page.evaluate("[document.documentElement.lang, document.body.scrollWidth]") == [language, 360]
            assert Axe().run(page).violations_count == 0
            page.get_by_role("link", name=other).click()

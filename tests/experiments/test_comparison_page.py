"""The pictures and the page of a comparison, and the sweep in the docs."""

import csv

import html5lib
import numpy as np
import pytest

from stages.experiments.comparison_page import differences, dots, headline, heat_map, page
from stages.experiments.significance import Comparison, Spread, verdict
from stages.report.style import use_style
from tests.support.browser import check_page
from tests.support.experiments import COMMITTED, compare_settings, sweep, words
from tests.support.workspace import ROOT


@pytest.fixture
def grid():
    """Patience 5 is better than 2 with dropout 0.1 alone; all else is luck."""
    use_style()
    experiments = [*sweep({0.3: 0, 0.1: 0}, patiences=(2, 5)), *sweep({0.1: -0.1}, patiences=(9,))]
    return compare_settings(experiments, "validation.loss", COMMITTED, None)


def test_the_differences_are_drawn_with_their_intervals_and_filled_where_shown(grid):
    figure = differences(grid)
    assert figure.get_suptitle() == "Beside dropout 0.3, patience 2: 1 better, 3 not shown to differ"
    compared = [row for row in grid.rows if row.comparison]
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == [row.label for row in compared]
    for row, (dot, (_, _), (bar,)) in zip(compared, axes.containers, strict=True):
        assert dot.get_xdata() == [row.comparison.difference.mean]
        (left, _), (right, _) = bar.get_segments()[0]
        assert [left, right] == pytest.approx(row.comparison.difference[3:])
        assert (dot.get_markerfacecolor() == "white") == (row.verdict != "better")


def test_the_map_hatches_what_is_not_shown_and_frames_the_baseline(grid):
    figure = heat_map(grid)
    axes = figure.axes[0]
    drawn = axes.images[0].get_array()
    assert drawn.shape == (2, 3)
    assert drawn.mask[1, 2]  # dropout 0.3 with patience 9 was not run
    assert [text.get_position() for text in axes.texts if text.get_text() == "not run"] == [(2, 1)]
    shades = axes.images[0].cmap(axes.images[0].norm(drawn)).sum(axis=-1)
    darkest = np.unravel_index(np.argmin(np.where(drawn.mask, np.inf, shades)), drawn.shape)
    assert darkest == (0, 2)  # the lowest loss
    hatched = [patch.get_xy() for patch in axes.patches if patch.get_hatch()]
    assert sorted(hatched) == [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5)]
    assert [patch.get_xy() for patch in axes.patches if not patch.get_hatch()] == [(-0.48, 0.54)]
    assert "lowest with dropout 0.1, patience 9" in figure.get_suptitle()


def test_every_seed_is_a_dot(grid):
    figure = dots(grid, "validation.accuracy")
    drawn = np.concatenate([collection.get_offsets() for collection in figure.axes[0].collections])
    expected = [value for row in grid.rows for value in row.setting.values("validation.accuracy").values()]
    assert sorted(drawn[:, 1]) == pytest.approx(sorted(expected))
    assert len({tuple(place) for place in drawn}) == len(expected) == 50


def test_one_seed_each_does_not_say_that_seeds_agree():
    table = compare_settings(sweep({0.3: 0, 0.1: 0}, seeds=1), "validation.loss", COMMITTED, None)
    title = dots(table, "validation.accuracy").get_suptitle()
    assert title.startswith("validation.accuracy: one seed each, so how far seeds lie apart is not known,\n")


def test_without_dropout_or_patience_there_is_no_picture_of_them():
    experiments = [*sweep({0.3: 0}), *sweep({0.3: 0.1}, optimizer="sgd")]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None)
    assert heat_map(table) is None
    assert dots(table, "validation.accuracy") is None
    assert words(table) == {"optimizer adam": "baseline", "optimizer sgd": "worse"}
    assert "Dropout and patience" not in page(table)


def test_the_page_has_every_setting_its_verdict_and_what_was_left_out(grid):
    text = page(grid._replace(notes=["a <note>"]))
    html5lib.HTMLParser(strict=True).parse(text)
    for row in grid.rows:
        assert f'<th scope="row">{row.label}</th>' in text
        assert row.verdict in text
    assert "a &lt;note&gt;" in text
    assert text.count("<img") == text.count('alt="') == 3
    assert text.count("test accuracy") == 1
    assert text == page(grid._replace(notes=["a <note>"]))


@pytest.mark.parametrize(
    ("effects", "metric", "says"),
    [
        ({0.3: 0, 0.1: -0.1}, "validation.loss",
         "dropout 0.1 is better than dropout 0.3: mean validation.loss is lower by 0.1005"),
        ({0.3: 0, 0.1: -0.0001}, "validation.accuracy",
         "Nothing is shown to be better than dropout 0.3; dropout 0.1 has the highest mean validation.accuracy"),
        ({0.3: 0, 0.1: 0.1}, "validation.loss",
         "Nothing tried is better than dropout 0.3, which has the lowest mean validation.loss"),
        ({0.3: 0, 0.1: 0.1}, "test.loss", "dropout 0.3 beside 1 other, by test.loss"),
    ],
)  # fmt: skip
def test_the_headline_is_a_sentence_about_the_best_setting(effects: dict, metric: str, says: str):
    assert headline(compare_settings(sweep(effects), metric, COMMITTED, None)) == says


def test_the_page_of_one_setting_says_that_there_is_nothing_to_compare():
    text = page(compare_settings(sweep({0.3: 0}), "validation.loss", COMMITTED, None))
    assert "<h1>Nothing to compare yet</h1>" in text
    assert "it takes two settings with two seeds each" in text


@pytest.mark.process
def test_the_page_in_a_browser(grid, tmp_path):
    path = tmp_path / "comparison.html"
    path.write_text(page(grid._replace(notes=["a note"])), encoding="utf-8")
    assert path.stat().st_size < 2_000_000
    check_page(path)


def test_the_table_in_the_docs_is_that_of_the_committed_sweep():
    text = (ROOT / "docs/comparison.md").read_text(encoding="utf-8")
    numbers = ("mean", "sd", "difference_mean", "difference_low", "difference_high", "adjusted_p", "smallest_p")
    with (ROOT / "docs/sweep.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        label = f"dropout {float(row['dropout']):g}, patience {row['patience']}"
        mean, sd, difference, low, high, p, least = (float(row[name] or "nan") for name in numbers)
        (line,) = (line for line in text.splitlines() if line.startswith(f"| {label} |"))
        if not row["difference_mean"]:
            assert line == f"| {label} | {mean:.4f} ({sd:.4f}) |  |  | baseline |"
            continue
        start = f"| {label} | {mean:.4f} ({sd:.4f}) | {difference:+.4f} ({low:+.4f} to {high:+.4f}) | {p:.3f} | "
        of = Spread(10, difference, float(row["difference_sd"]), low, high)
        assert line == f"{start}{verdict(Comparison(of, 0, p, least, 11), 'better', 'worse')} |"

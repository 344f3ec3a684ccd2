"""The figures of the study show the means over the seeds, and what was found."""

import numpy as np
import pytest

from seeds.statistics import compare
from stages.report.style import TRAININGS, use_style
from study.notes.figures import curves, findings, patience
from study.sizes.effects import finding

LOSS = {"adam": np.array([[0.6, 0.4, 0.2], [0.8, 0.4, 0.4]]), "sgd": np.array([[1.0, 0.9, 0.8], [1.0, 0.7, 0.6]])}
VAL_LOSS = {name: values + 0.1 for name, values in LOSS.items()}
KEPT = np.array([[2, 0.45], [3, 0.35]])


@pytest.fixture(autouse=True)
def style():
    use_style()


def drawn(axes) -> dict[str, list]:
    """The points of each line, by its label."""
    return {line.get_label(): np.round(line.get_xydata(), 6).tolist() for line in axes.lines}


def test_the_curves_are_means_and_each_has_its_name_at_its_end_in_its_colour():
    figure = curves(LOSS, VAL_LOSS, {"adam": KEPT})
    training, validation = map(drawn, figure.axes)
    assert training["adam"] == [[1, 0.7], [2, 0.4], [3, 0.3]]
    assert validation["sgd"] == [[1, 1.1], [2, 0.9], [3, 0.8]]
    assert KEPT.tolist() in validation.values()
    assert "0.000 with adam, 0.000 with sgd" in figure.get_suptitle()
    assert figure.legends == []
    for axes in figure.axes:
        colours = {line.get_label(): line.get_color() for line in axes.lines}
        assert {text.get_text(): text.get_color() for text in axes.texts} == {name: colours[name] for name in LOSS}


def test_names_of_lines_that_end_together_stand_apart():
    together = {name: np.full((2, 3), 0.5) for name in ("a", "b", "c")} | {"d": np.full((2, 3), 1.0)}
    axes = curves(together, together, {}).axes[0]
    heights = sorted(text.xy[1] for text in axes.texts)
    assert min(np.diff(heights)) >= 0.054 * np.ptp(axes.get_ylim())


def test_the_findings_show_each_difference_with_its_interval_and_the_better_side():
    noise = np.array([-1, 1, 0, 1, -1, 0, 1, -1])
    comparisons = compare({"gap": -1 + 0.1 * noise, "accuracy": 0.001 * noise})
    effects = {name: [(f"a: {name}", TRAININGS[1], comparison)] for name, comparison in comparisons.items()}
    figure = findings("Findings", effects["gap"], effects["accuracy"])
    for axes, (name, comparison), unit in zip(figure.axes, comparisons.items(), (1, 100), strict=True):
        assert [text.get_text() for text in axes.get_yticklabels()] == [f"a: {name}"]
        ((dot, _, (bar,)),) = axes.containers
        assert dot.get_xdata() == pytest.approx([unit * comparison.difference.mean])
        assert bar.get_segments()[0][:, 0] == pytest.approx([unit * end for end in comparison.difference[3:]])
        assert dot.get_color() == TRAININGS[1]["color"]
    filled = [axes.containers[0][0].get_markerfacecolor() for axes in figure.axes]
    assert filled == [TRAININGS[1]["color"], "white"]
    better = [sorted(axes.patches[0].get_extents().transformed(axes.transData.inverted()).intervalx)
              for axes in figure.axes]  # fmt: skip
    assert (better[0][1], better[1][0]) == (pytest.approx(0), pytest.approx(0))


def test_patience_shows_what_it_keeps_and_what_it_costs_and_no_band_goes_beyond_the_seeds():
    epochs = {"adam": np.array([[2, 3, 3], [1, 3, 2]])}
    losses = np.array([[0.6, 0.4, 0.3995], [0.8, 0.4, 0.3995]])
    figure = patience(np.array([1, 2, 3]), {"adam": losses}, epochs)
    left, right = figure.axes
    assert drawn(left)["adam"] == [[1, 0.7], [2, 0.4], [3, 0.3995]]
    assert drawn(right)["adam"] == [[1, 1.5], [2, 3], [3, 2.5]]
    (band,) = right.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1, 3)
    assert figure.get_suptitle() == (
        "Patience 2 keeps what patience 3 keeps, to 0.001 of validation loss,\n"
        "and runs 3.0 epochs on average instead of 2.5"
    )


def test_the_title_of_the_sizes_names_the_networks_that_dropout_hurts():
    noise = np.array([-1, 1, 0, 1, -1, 0, 1, -1])
    effects = compare({"lower": -1 + 0.1 * noise, "none": noise, "higher": 1 + 0.1 * noise})
    helped = {"large": {1: effects["lower"], 9: effects["none"]}}
    hurt = {"small": {9: effects["higher"], 1: effects["none"]}}
    title = finding(helped | hurt)
    assert title.startswith("Dropout lowers the loss")
    assert title.endswith("small")
    assert "not shown" in finding(hurt)

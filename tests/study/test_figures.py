"""The figures of the study show the means over the seeds, and what was found."""

import numpy as np
import pytest

from seeds.statistics import spread
from stages.report.style import SERIES, use_style
from study.notes.figures import Measured, curves, findings, patience

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
    told = "From its lowest, mean validation loss rises until epoch 3 by\n0.000 with adam, 0.000 with sgd"
    assert figure.get_suptitle() == told
    assert figure.legends == []
    for axes in figure.axes:
        colours = {line.get_label(): line.get_color() for line in axes.lines}
        assert {text.get_text(): text.get_color() for text in axes.texts} == {name: colours[name] for name in LOSS}


def test_names_of_lines_that_end_together_stand_apart():
    together = {name: np.full((2, 3), 0.5) for name in ("a", "b", "c")} | {"d": np.full((2, 3), 1.0)}
    axes = curves(together, together, {}).axes[0]
    heights = sorted(text.xy[1] for text in axes.texts)
    assert min(np.diff(heights)) >= 0.054 * np.ptp(axes.get_ylim())


def test_the_findings_show_each_training_with_its_intervals_and_one_look_a_curve():
    trainings = [
        Measured("a, 5 epochs", "a", spread([0.1, 0.2]), spread([0.8, 0.9])),
        Measured("b, 5 epochs", "b", spread([0.3, 0.4]), spread([0.7, 0.9])),
        Measured("a, 20 epochs", "a", spread([0.2, 0.2]), spread([0.8, 0.8])),
    ]
    figure = findings("What was found", trainings)
    assert figure.get_suptitle() == "What was found"
    gap, accuracy = figure.axes
    assert [text.get_text() for text in gap.get_yticklabels()] == [each.label for each in trainings]
    for axes, name in ((gap, "gap"), (accuracy, "accuracy")):
        for place, (each, (dot, (_, _), (bar,))) in enumerate(zip(trainings, axes.containers, strict=True)):
            assert dot.get_xydata().tolist() == [[getattr(each, name).mean, place]]
            assert bar.get_segments()[0][:, 0] == pytest.approx(getattr(each, name)[3:])
    assert [container[0].get_color() for container in gap.containers] == [SERIES[n]["color"] for n in (0, 1, 0)]


def test_patience_shows_what_it_keeps_and_what_it_costs_and_no_band_goes_beyond_the_seeds():
    epochs = {"adam": np.array([[2, 3, 3], [1, 3, 3]])}
    losses = np.array([[0.6, 0.4, 0.3995], [0.8, 0.4, 0.3995]])
    figure = patience(np.array([1, 2, 3]), {"adam": losses}, epochs)
    left, right = figure.axes
    assert drawn(left)["adam"] == [[1, 0.7], [2, 0.4], [3, 0.3995]]
    assert drawn(right)["adam"] == [[1, 1.5], [2, 3], [3, 3]]
    (band,) = right.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1, 3)
    assert figure.get_suptitle() == (
        "Patience 2 keeps what patience 3 keeps, to 0.001 of validation loss,\n"
        "and runs 3.0 epochs on average instead of 3.0"
    )

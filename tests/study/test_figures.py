"""The figures of the study show the means over the seeds, and where the shorter trainings end."""

import numpy as np
import pytest

from stages.report.style import use_style
from study.notes.figures import curves, patience

LOSS = {"adam": np.array([[0.6, 0.4, 0.2], [0.8, 0.4, 0.4]]), "sgd": np.array([[1.0, 0.9, 0.8], [1.0, 0.7, 0.6]])}
VAL_LOSS = {name: values + 0.1 for name, values in LOSS.items()}
KEPT = np.array([[2, 0.45], [3, 0.35]])


@pytest.fixture(autouse=True)
def style():
    use_style()


def drawn(axes) -> dict[str, list]:
    """The points of each line, by its label."""
    return {line.get_label(): np.round(line.get_xydata(), 6).tolist() for line in axes.lines}


def test_the_curves_are_means_and_the_shorter_trainings_end_on_them():
    figure = curves(LOSS, VAL_LOSS, [("adam, two epochs", "adam", 2)], {"adam, stopped": ("adam", KEPT)})
    training, validation = map(drawn, figure.axes)
    assert training["adam"] == [[1, 0.7], [2, 0.4], [3, 0.3]]
    assert validation["sgd"] == [[1, 1.1], [2, 0.9], [3, 0.8]]
    assert validation["adam, two epochs: its end"] == [[2, 0.5]]
    assert validation["adam, stopped: kept, each seed"] == KEPT.tolist()
    assert figure.get_suptitle() == "Validation loss after the last epoch, mean of 2 seeds:\nadam: 0.400; sgd: 0.800"
    assert len({(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines[:2]}) == 2


def test_patience_shows_what_it_keeps_and_what_it_costs_and_no_band_goes_beyond_the_seeds():
    epochs = {"adam": np.array([[2, 3, 3], [1, 3, 3]])}
    figure = patience(np.array([1, 2, 3]), {"adam": LOSS["adam"]}, epochs)
    left, right = figure.axes
    assert drawn(left)["adam"] == [[1, 0.7], [2, 0.4], [3, 0.3]]
    assert drawn(right)["adam"] == [[1, 1.5], [2, 3], [3, 3]]
    (band,) = right.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (1, 3)
    assert figure.get_suptitle() == "From patience 1 to 3, the kept validation loss changes by\nadam: -0.400"

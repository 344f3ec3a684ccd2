"""The charts of a run and their titles."""

import numpy as np
import pytest

from stages.evaluation.scores import ReliabilityBin, calibration
from stages.report.charts import confusion, curves, reliability_diagram
from tests.support.small import trained

HISTORY = {
    "loss": np.array([0.6, 0.4, 0.3]),
    "accuracy": np.array([0.7, 0.8, 0.9]),
    "val_loss": np.array([0.5, 0.45, 0.47]),
    "val_accuracy": np.array([0.75, 0.82, 0.81]),
}


def vertical_lines(axes):
    return [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]


def test_curves_show_each_column_of_the_history_with_the_kept_epoch_and_the_stop():
    figure = curves(HISTORY, trained(best_epoch=2, stopped_epoch=3), dropout=0.3)
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        drawn = [list(line.get_ydata()) for line in axes.lines]
        assert HISTORY[metric].tolist() in drawn
        assert HISTORY[f"val_{metric}"].tolist() in drawn
        assert vertical_lines(axes) == [2, 3]
    assert all(part in figure.get_suptitle() for part in ("Epoch 2", "0.450", "0.820", "epoch 3"))


def test_curves_mark_where_the_learning_rate_falls():
    figure = curves(HISTORY | {"learning_rate": np.array([0.1, 0.05, 0.05])}, trained(best_epoch=3), dropout=0.3)
    assert vertical_lines(figure.axes[0]) == [3, 1.5]
    same = curves(HISTORY | {"learning_rate": np.full(3, 0.1)}, trained(best_epoch=3), dropout=0.3)
    assert vertical_lines(same.axes[0]) == [3]


def test_curves_of_one_epoch_have_one_tick():
    figure = curves({metric: values[:1] for metric, values in HISTORY.items()}, trained(epochs=1), dropout=0.3)
    left, right = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if left <= tick <= right] == [1]


def test_the_confusion_matrix_names_and_frames_the_two_most_frequent_mistakes():
    labels = np.array([0, 0, 0, 0, 1, 2, 2, 2])
    predicted = np.array([0, 1, 1, 1, 1, 0, 0, 1])
    figure = confusion(labels, predicted, ["a", "b", "c", "d"])
    title = figure.get_suptitle()
    assert title.startswith("2 of 8 test images")
    assert title.endswith("\na for b (3 of 4), c for a (2 of 3)")
    axes = figure.axes[0]
    share = axes.images[0].get_array()  # rows: the true class
    np.testing.assert_allclose(share, [[1 / 4, 3 / 4, 0, 0], [0, 1, 0, 0], [2 / 3, 1 / 3, 0, 0], [0, 0, 0, 0]])
    assert [frame.get_center().tolist() for frame in axes.patches] == [[1, 0], [0, 2]]  # x: predicted


def test_a_confusion_matrix_without_mistakes_names_none():
    figure = confusion(np.array([0, 1]), np.array([0, 1]), ["a", "b"])
    assert " for " not in figure.get_suptitle()
    assert not figure.axes[0].patches


def test_a_confusion_matrix_of_many_classes_grows_and_shortens_their_names():
    figure = confusion(np.arange(40), np.arange(40), [f"number {number} of forty classes" for number in range(40)])
    few = confusion(np.array([0, 1]), np.array([0, 1]), ["a", "b"])
    assert figure.get_size_inches()[0] > 2 * few.get_size_inches()[0]
    assert figure.axes[0].get_yticklabels()[7].get_text() == "number 7…classes"


def bins(confidence: list[float], accuracy: list[float], count: list[int]) -> list[ReliabilityBin]:
    return [
        ReliabilityBin(share, right, right - 0.03, right + 0.02, images)
        for share, right, images in zip(confidence, accuracy, count, strict=True)
    ]


@pytest.mark.parametrize(
    ("confidence", "accuracy", "verdict"),
    [
        ([0.8], [0.85], "underconfident by 5.0 points (by chance: ±2.5)"),
        ([0.8], [0.75], "overconfident by 5.0 points (by chance: ±2.5)"),
        ([0.8], [0.81], "no over- or underconfidence shown (by chance: ±2.5)"),
        ([0.9999], [0.999], "no over- or underconfidence shown (by chance: ±0.1)"),  # one mistake in 1,000
        ([0.5, 1.0], [0.4, 1.0], "overconfident by 5.0 points (by chance: ±2.2)"),  # two bins of equal size
    ],
)
def test_the_reliability_diagram_names_overconfidence_only_beyond_chance(confidence, accuracy, verdict):
    table = bins(confidence, accuracy, [1000 // len(confidence)] * len(confidence))
    assert reliability_diagram(table, calibration(table)).get_suptitle().splitlines()[0].endswith(verdict)


def test_the_reliability_diagram_shows_each_bin_with_its_interval_and_count():
    table = bins([0.5, 1.0], [0.4, 0.9], [300, 1000])
    above, below = reliability_diagram(table, calibration(table)).axes
    (interval,) = above.collections
    np.testing.assert_allclose(interval.get_segments(), [[[0.5, 0.37], [0.5, 0.42]], [[1, 0.87], [1, 0.92]]])
    assert [bar.get_height() for bar in below.patches] == [300, 1000]

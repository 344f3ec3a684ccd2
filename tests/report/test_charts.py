from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from stages.evaluation.scores import ReliabilityBin, expected_calibration_error
from stages.report.charts import confusion, curves, reliability_diagram
from stages.report.style import STYLE, save_png, use_style
from tests.support.small import trained

HISTORY = {
    "loss": np.array([0.6, 0.4, 0.3]),
    "accuracy": np.array([0.7, 0.8, 0.9]),
    "val_loss": np.array([0.5, 0.45, 0.47]),
    "val_accuracy": np.array([0.75, 0.82, 0.81]),
}


@pytest.fixture(autouse=True)
def style():
    use_style()


def vertical_lines(axes):
    return [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]


def test_curves_show_each_column_of_the_history_with_the_kept_epoch_and_the_stop():
    figure = curves(HISTORY, trained(best_epoch=2, stopped_epoch=3))
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        drawn = [list(line.get_ydata()) for line in axes.lines]
        assert HISTORY[metric].tolist() in drawn
        assert HISTORY[f"val_{metric}"].tolist() in drawn
        assert vertical_lines(axes) == [2, 3]
    assert figure.get_suptitle() == ("Epoch 2 is kept: validation loss 0.450, accuracy 0.820; stopped after epoch 3")


def test_curves_of_a_run_that_was_not_stopped_mark_no_stop():
    figure = curves(HISTORY, trained(best_epoch=2))
    assert vertical_lines(figure.axes[0]) == [2]
    assert figure.get_suptitle().endswith("ran all 3 epochs")


def test_curves_mark_where_the_learning_rate_falls():
    rates = {"learning_rate": np.array([0.1, 0.05, 0.05])}
    figure = curves(HISTORY | rates, trained(best_epoch=3))
    assert vertical_lines(figure.axes[0]) == [3, 1.5]
    assert "learning rate falls" in [text.get_text() for text in figure.legends[0].get_texts()]
    same = curves(HISTORY | {"learning_rate": np.full(3, 0.1)}, trained(best_epoch=3))
    assert vertical_lines(same.axes[0]) == [3]


def test_curves_of_one_epoch_have_one_tick():
    figure = curves({metric: values[:1] for metric, values in HISTORY.items()}, trained(epochs=1))
    assert figure.get_suptitle().endswith("; ran its only epoch")
    left, right = figure.axes[0].get_xlim()
    assert [tick for tick in figure.axes[0].get_xticks() if left <= tick <= right] == [1]


def test_the_confusion_matrix_names_and_frames_the_two_most_frequent_mistakes():
    labels = np.array([0, 0, 0, 0, 1, 2, 2, 2])
    predicted = np.array([0, 1, 1, 1, 1, 0, 0, 1])
    figure = confusion(labels, predicted, ["a", "b", "c"])
    assert (
        figure.get_suptitle()
        == "2 of 8 test images classified correctly; most often mistaken:\na for b (3 of 4), c for a (2 of 3)"
    )
    axes = figure.axes[0]
    share = axes.images[0].get_array()
    np.testing.assert_allclose(share, [[1 / 4, 3 / 4, 0], [0, 1, 0], [2 / 3, 1 / 3, 0]])  # rows: the true class
    assert [frame.get_center().tolist() for frame in axes.patches] == [[1, 0], [0, 2]]  # x: predicted


@pytest.mark.parametrize(
    ("predicted", "mistaken"),
    [
        ([0, 0, 0, 1, 1, 2], ""),
        ([0, 0, 0, 1, 2, 2], "; mistaken:\nb for c (1 of 2)"),
        ([1, 0, 0, 1, 2, 2], "; mistaken:\na for b (1 of 3), b for c (1 of 2)"),
        ([1, 0, 0, 2, 1, 0], ""),  # three, each once
        ([1, 1, 0, 2, 1, 0], "; most often mistaken:\na for b (2 of 3)"),
    ],
)
def test_of_mistakes_that_are_equally_frequent_none_is_named_before_the_others(predicted, mistaken):
    figure = confusion(np.array([0, 0, 0, 1, 1, 2]), np.array(predicted), ["a", "b", "c"])
    assert figure.get_suptitle().partition(" test images classified correctly")[2] == mistaken
    assert len(figure.axes[0].patches) == mistaken.count(" for ")


def test_a_row_without_images_says_so():
    figure = confusion(np.array([0, 2]), np.array([0, 1]), ["a", "b", "c", "d"])
    said = [text.get_position() for text in figure.axes[0].texts if text.get_text() == "no test image"]
    assert [y for _, y in said] == [1, 3]


def bins(confidence: list[float], accuracy: list[float], count: list[int]) -> list[ReliabilityBin]:
    return [
        ReliabilityBin(sure, right, right - 0.03, right + 0.02, images)
        for sure, right, images in zip(confidence, accuracy, count, strict=True)
    ]


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        (0.85, "underconfident by 5.0 points"),
        (0.75, "overconfident by 5.0 points"),
        (0.81, "no over- or underconfidence shown"),
        (1.0, "underconfident by 20.0 points"),
    ],
)
def test_the_reliability_diagram_calls_a_model_over_or_underconfident_only_beyond_the_error(accuracy, verdict):
    title = reliability_diagram(bins([0.8], [accuracy], [1000])).get_suptitle()
    # 1.96 standard errors of 1,000 images that are right with probability 0.8
    assert title.splitlines()[0].endswith(f" right: {verdict} (by chance: ±2.5)")


def test_the_reliability_diagram_weighs_each_bin_by_its_images():
    table = bins([0.5, 1.0], [0.4, 1.0], [300, 100])
    title = reliability_diagram(table).get_suptitle().splitlines()
    assert title[0] == "62.5% sure on average, 55.0% right: overconfident by 7.5 points (by chance: ±4.2)"
    assert title[1] == f"Expected calibration error {expected_calibration_error(table):.1%}, 400 test images"


def test_the_reliability_diagram_rounds_what_is_right_as_the_card_does():
    """Of 15 of 10,000, Python makes 0.1 %."""
    title = reliability_diagram(bins([0.002], [0.0015], [10_000])).get_suptitle()
    assert title.startswith("0.2% sure on average, 0.2% right")


def test_one_mistake_among_images_that_are_almost_sure_is_no_overconfidence():
    title = reliability_diagram(bins([0.9999], [0.999], [1000])).get_suptitle()
    assert "no over- or underconfidence shown (by chance: ±0.1)" in title


def test_the_reliability_diagram_shows_each_bin_with_its_interval_and_count():
    above, below = reliability_diagram(bins([0.5, 1.0], [0.4, 0.9], [300, 1000])).axes
    (interval,) = above.collections
    np.testing.assert_allclose(interval.get_segments(), [[[0.5, 0.37], [0.5, 0.42]], [[1, 0.87], [1, 0.92]]])
    assert [bar.get_height() for bar in below.patches] == [300, 1000]
    assert [text.get_text() for text in below.texts] == ["300", "1,000"]


def test_a_picture_is_what_matplotlib_saves(tmp_path: Path):
    use_style()
    save_png(curves(HISTORY, trained(best_epoch=2)), tmp_path / "a.png")
    curves(HISTORY, trained(best_epoch=2)).savefig(tmp_path / "b.png", metadata={"Software": None})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_equal_figures_give_equal_bytes_whatever_the_users_style(tmp_path: Path):
    save_png(curves(HISTORY, trained(best_epoch=2)), tmp_path / "a.png")
    mpl.rcParams.update({"font.size": 30, "axes.facecolor": "red"})
    use_style()
    save_png(curves(HISTORY, trained(best_epoch=2)), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert mpl.rcParams["font.size"] == STYLE["font.size"]


def test_a_confusion_matrix_of_many_classes_grows_and_shortens_their_names():
    classes = [f"number {number} of forty classes" for number in range(40)]
    figure = confusion(np.arange(40), np.where(np.arange(40) < 2, np.arange(40) + 7, np.arange(40)), classes)
    few = confusion(np.array([0, 1]), np.array([0, 1]), ["a", "b"])
    assert figure.get_size_inches()[0] == pytest.approx(few.get_size_inches()[0] * 40 / 18)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()][7] == "number 7 … classes"
    assert all(len(line) < 90 for line in figure.get_suptitle().splitlines())

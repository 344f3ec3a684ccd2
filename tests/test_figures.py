from pathlib import Path

import matplotlib as mpl
import pytest

from stages.core.figures import STYLE, confusion, curves, save_png, use_style

HISTORY = {
    "loss": [0.6, 0.4, 0.3],
    "accuracy": [0.7, 0.8, 0.9],
    "val_loss": [0.5, 0.45, 0.47],
    "val_accuracy": [0.75, 0.82, 0.81],
}


@pytest.fixture(autouse=True)
def style():
    use_style()


def vertical_lines(axes):
    return [line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1]


def test_curves_show_each_column_of_the_history_with_the_kept_epoch_and_the_stop():
    figure = curves(HISTORY, best_epoch=2, stopped_epoch=3)
    for axes, metric in zip(figure.axes, ("loss", "accuracy"), strict=True):
        drawn = [list(line.get_ydata()) for line in axes.lines]
        assert HISTORY[metric] in drawn
        assert HISTORY[f"val_{metric}"] in drawn
        assert vertical_lines(axes) == [2, 3]
    assert figure.get_suptitle() == ("Epoch 2 is kept: validation loss 0.450, accuracy 0.820; stopped after epoch 3")


def test_curves_of_a_run_that_was_not_stopped_mark_no_stop():
    figure = curves(HISTORY, best_epoch=2, stopped_epoch=None)
    assert vertical_lines(figure.axes[0]) == [2]
    assert figure.get_suptitle().endswith("ran all 3 epochs")


def test_the_confusion_matrix_names_the_most_common_mistake():
    figure = confusion(["a", "a", "a", "b"], ["a", "b", "b", "b"], ["a", "b", "c"])
    assert figure.get_suptitle() == (
        "50.0% of 4 test images are right; the most common mistake:\na taken for b (2 of 3)"
    )
    share = figure.axes[0].images[0].get_array()
    assert share.tolist() == [[1 / 3, 2 / 3, 0], [0, 1, 0], [0, 0, 0]]  # rows: the true class


def test_without_a_mistake_none_is_named():
    assert confusion(["a"], ["a"], ["a", "b"]).get_suptitle() == "100.0% of 1 test images are right"


def test_equal_figures_give_equal_bytes_whatever_the_users_style(tmp_path: Path):
    save_png(curves(HISTORY, 2, 3), tmp_path / "a.png")
    mpl.rcParams["font.size"] = 30
    use_style()
    save_png(curves(HISTORY, 2, 3), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert mpl.rcParams["font.size"] == STYLE["font.size"]

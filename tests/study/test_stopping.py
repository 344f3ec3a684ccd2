"""Early stopping applied to a recorded history, compared with separate trainings."""

import pytest

from stages import prepare, train
from study.stopping import with_patience
from tests.support.workspace import history, read_json, run_stages


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([5, 4, 3, 2, 1], 1, (5, 5)),
        ([3, 2, 4, 1, 5], 1, (3, 2)),
        ([3, 2, 4, 1, 5], 2, (5, 4)),
        ([3, 2, 2, 2, 1], 2, (4, 2)),  # an equal value is no improvement
        ([3, 4, 5, 6, 7], None, (5, 1)),
        ([3], 1, (1, 1)),
    ],
)
def test_epochs_run_and_kept_are_those_of_keras_early_stopping(losses, patience, expected):
    assert with_patience({"val_loss": losses}, "val_loss", patience) == expected


def test_a_higher_accuracy_is_better_and_a_change_below_min_delta_does_not_count():
    assert with_patience({"val_accuracy": [0.5, 0.6, 0.4, 0.9]}, "val_accuracy", 1) == (3, 2)
    assert with_patience({"val_loss": [3, 2.95, 2.9, 1]}, "val_loss", 2, min_delta=0.5) == (3, 3)


@pytest.mark.trains
def test_separate_trainings_give_the_same(workspace):
    changes = {"epochs": 20, "learning_rate": 0.02}
    run_stages(workspace, prepare, train, **changes, patience=None)
    recorded = history()
    run = set()
    for patience in (1, 4):
        run_stages(workspace, train, **changes, patience=patience)
        metrics = read_json("metrics/train.json")
        epochs, kept = with_patience(recorded, "val_loss", patience)
        assert (metrics["epochs"], metrics["best_epoch"]) == (epochs, kept)
        assert metrics["val_loss"] == recorded["val_loss"][kept - 1]
        run.add(epochs)
    assert len(run) > 1  # patience made a difference

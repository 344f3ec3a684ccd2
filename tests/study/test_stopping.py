"""Early stopping applied to a recorded history; test_notes.py compares it with separate trainings."""

import pytest

from study.stopping import stop_early


def stopped(*arguments, **changes) -> tuple[int, int]:
    result = stop_early(*arguments, **changes)
    return result["epochs"], result["kept_epoch"]


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
    assert stopped({"val_loss": losses, "val_accuracy": losses}, "val_loss", patience) == expected


def test_a_higher_accuracy_is_better_and_a_change_below_min_delta_does_not_count():
    recorded = {"val_loss": [3, 2.95, 2.9, 1], "val_accuracy": [0.5, 0.6, 0.4, 0.9]}
    assert stopped(recorded, "val_accuracy", 1) == (3, 2)
    assert stopped(recorded, "val_loss", 2, min_delta=0.5) == (3, 3)

"""Early stopping applied to a recorded history, compared with separate trainings."""

import pytest

from stages import prepare, train
from study.stopping import stop_early
from tests.support.workspace import history, read_json, run_stages


def epochs_of(*arguments, **more) -> tuple[int, int]:
    stopped = stop_early(*arguments, **more)
    return stopped["epochs"], stopped["kept_epoch"]


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
    assert epochs_of({"val_loss": losses, "val_accuracy": losses}, "val_loss", patience) == expected


def test_a_higher_accuracy_is_better_and_a_change_below_min_delta_does_not_count():
    values = {"val_accuracy": [0.5, 0.6, 0.4, 0.9], "val_loss": [3, 2.95, 2.9, 1]}
    assert epochs_of(values, "val_accuracy", 1) == (3, 2)
    assert epochs_of(values, "val_loss", 2, min_delta=0.5) == (3, 3)


@pytest.mark.trains
def test_separate_trainings_give_the_same(workspace):
    changes = {"epochs": 20, "learning_rate": 0.02}
    run_stages(workspace, prepare, train, **changes, patience=None)
    recorded = history()
    run = set()
    for patience in (1, 4):
        run_stages(workspace, train, **changes, patience=patience)
        metrics = read_json("metrics/train.json")
        stopped = stop_early(recorded, "val_loss", patience)
        assert (metrics["epochs"], metrics["best_epoch"]) == (stopped["epochs"], stopped["kept_epoch"])
        assert [metrics[name] for name in ("val_loss", "val_accuracy")] == list(stopped.values())[2:4]
        run.add(stopped["epochs"])
    assert len(run) > 1  # patience made a difference

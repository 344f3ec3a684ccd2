"""What a training of the study does, and what each patience would have given, beside a separate training."""

import pytest

from stages import prepare, train
from study.notes.seed import train_all
from study.stopping import with_patience
from tests.support.workspace import history, params, read_json, run_stages


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([5, 4, 3, 2, 1], 1, (5, 5)),
        ([3, 2, 4, 1, 5], 1, (3, 2)),
        ([3, 2, 4, 1, 5], 2, (5, 4)),
        ([3, 2, 2, 2, 1], 2, (4, 2)),  # as good is no better
        ([3, 4, 5, 6, 7], None, (5, 1)),
        ([3], 1, (1, 1)),
    ],
)
def test_it_is_what_early_stopping_and_the_checkpoint_do(losses, patience, expected):
    assert with_patience({"val_loss": losses}, "val_loss", patience) == expected


def test_of_an_accuracy_the_higher_is_better():
    assert with_patience({"val_accuracy": [0.5, 0.6, 0.4, 0.9]}, "val_accuracy", 1) == (3, 2)


def test_a_change_smaller_than_min_delta_does_not_count():
    assert with_patience({"val_loss": [3, 2.95, 2.9, 1]}, "val_loss", 2, min_delta=0.5) == (3, 3)


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
def test_separate_trainings_give_the_same(workspace, monitor):
    run_stages(workspace, prepare, train, epochs=20, patience=None, monitor=monitor, learning_rate=0.02)
    recorded = history()
    found = set()
    for patience in (1, 2, 4):
        run_stages(workspace, train, epochs=20, patience=patience, monitor=monitor, learning_rate=0.02)
        metrics = read_json("metrics/train.json")
        epochs, kept = with_patience(recorded, monitor, patience)
        assert (metrics["epochs"], metrics["best_epoch"]) == (epochs, kept)
        assert metrics["val_loss"] == recorded["val_loss"][kept - 1]
        found.add(epochs)
    assert len(found) > 1  # patience mattered


def test_a_learning_rate_falls_in_the_study_as_in_a_run(workspace):
    run_stages(workspace, prepare, limit=200)
    usual = params(hidden_units=8, epochs=3, patience=None, min_delta=10, seed=1)  # no change is as large as min_delta
    falling = usual.model_copy(update={"lr_patience": 1, "lr_factor": 0.1})
    rows = train_all({"usual": usual, "falling": falling}, seed=1)
    assert rows.computed == 4  # they part after the second epoch
    last = {name: metrics for name, _, epoch, *metrics in rows.history if epoch == 3}
    assert last["usual"] != last["falling"]

"""The notes on ModelCheckpoint and EarlyStopping, with invented losses and no training."""

from pathlib import Path

import pytest

from stages.base.params import METRICS
from stages.training.backend import keras
from stages.training.callbacks import checkpoint, early_stopping
from stages.training.result import best_epoch, mode
from tests.support.callbacks import VAL_LOSS, play


def weight(model: keras.Model) -> float:
    return float(model.get_weights()[0][0, 0])


@pytest.mark.parametrize(
    ("monitor", "values", "best"),
    [
        ("val_loss", VAL_LOSS[:6], 4),
        ("loss", [0.3, 0.2, 0.1], 3),
        ("val_accuracy", [0.7, 0.9, 0.8, 0.9], 2),
        ("accuracy", [0.9, 0.8], 1),
    ],
)
def test_the_checkpoint_keeps_the_epoch_with_the_best_value(tmp_path: Path, monitor, values, best):
    path = tmp_path / "best-model.keras"
    play(values, [checkpoint(path, monitor, save_best_only=True)], monitor)
    assert weight(keras.models.load_model(path)) == best
    assert best_epoch(values, monitor) + 1 == best


def test_without_save_best_only_the_checkpoint_keeps_the_last_epoch(tmp_path: Path):
    play(VAL_LOSS[:6], [checkpoint(tmp_path / "best-model.keras", "val_loss", save_best_only=False)])
    assert weight(keras.models.load_model(tmp_path / "best-model.keras")) == 6


@pytest.mark.parametrize(
    ("patience", "min_delta", "stopped_epoch", "restored"),
    [
        (1, 0.0, 3, 2),
        (2, 0.0, 6, 4),  # two epochs after the best, the fourth
        (3, 0.0, None, 7),  # lives to see the last and best
        (2, 0.05, 4, 2),  # .38 is no improvement on .40 by .05
    ],
)
def test_early_stopping_stops_patience_epochs_after_the_best_and_restores_it(
    patience, min_delta, stopped_epoch, restored
):
    stopping = early_stopping("val_loss", patience, min_delta, restore_best_weights=True)
    model = play(VAL_LOSS, [stopping])
    assert (stopping.stopped_epoch + 1 if stopping.stopped_epoch else None) == stopped_epoch
    assert weight(model) == restored


def test_without_restore_best_weights_the_last_epoch_stays():
    stopping = early_stopping("val_loss", 2, 0.0, restore_best_weights=False)
    assert weight(play(VAL_LOSS, [stopping])) == stopping.stopped_epoch + 1 == 6


def test_no_patience_is_no_early_stopping():
    assert early_stopping("val_loss", None, 0.0, restore_best_weights=True) is None


def test_accuracies_are_better_when_higher_and_losses_when_lower():
    assert [mode(monitor) for monitor in METRICS] == ["min", "max", "min", "max"]

"""The notes on ModelCheckpoint and EarlyStopping, with invented losses and no training."""

from pathlib import Path

import numpy as np
import pytest

from stages.core.artifacts import METRICS
from stages.core.backend import keras
from stages.core.callbacks import best_epoch, checkpoint, early_stopping, mode
from stages.core.epochs import run_epochs

VAL_LOSS = [0.5, 0.4, 0.45, 0.38, 0.38, 0.39, 0.2]  # best of the first six: epoch 4


def play(values: list[float], callbacks: list, monitor: str = "val_loss") -> keras.Model:
    """Run epochs that only write their number into the model's one weight, and report the given values."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    def run_epoch(epoch: int) -> dict[str, float]:
        model.set_weights([np.array([[epoch + 1.0]])])
        others = dict.fromkeys(METRICS, 1.0)
        return others | {monitor: values[epoch]}

    run_epochs(model, run_epoch, len(values), callbacks)
    return model


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

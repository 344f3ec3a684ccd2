"""Create Keras's callbacks from the parameters, and end a training after a signal."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stages.base.params import Logs, TrainingParams
from stages.base.process import stop_if_signalled
from stages.training.backend import keras
from stages.training.result import RATE, mode

BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def own_callbacks(params: TrainingParams) -> list[keras.callbacks.Callback]:  # noqa: ARG001
    """Return your own callbacks: add them here. Every training gets them, in the pipeline and in `python -m seeds`."""
    return []


def without_batch_events(callbacks: Iterable[keras.callbacks.Callback]) -> list[str]:
    """Return the names of callbacks that wait for batch events. These never come, because an epoch is one call."""

    def waits(callback: keras.callbacks.Callback) -> bool:
        return any(
            getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name) for name in BATCH_EVENTS
        )

    return [type(callback).__name__ for callback in callbacks if waits(callback)]


def checkpoint(path: Path, monitor: str, save_best_only: bool) -> keras.callbacks.ModelCheckpoint:
    """Return Keras's ModelCheckpoint for the whole model."""
    return keras.callbacks.ModelCheckpoint(path, monitor=monitor, mode=mode(monitor), save_best_only=save_best_only)


def early_stopping(
    monitor: str, patience: int | None, min_delta: float, restore_best_weights: bool
) -> keras.callbacks.EarlyStopping | None:
    """Return Keras's EarlyStopping, or None if `patience` is None."""
    if patience is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor=monitor,
        mode=mode(monitor),
        patience=patience,
        min_delta=min_delta,
        restore_best_weights=restore_best_weights,
    )


def lower_learning_rate(
    monitor: str, patience: int | None, factor: float, min_delta: float
) -> keras.callbacks.ReduceLROnPlateau | None:
    """Return Keras's ReduceLROnPlateau, or None if `patience` is None.

    The callback adds the learning rate of each epoch to the logs and the history, under the name `RATE`.
    """
    if patience is None:
        return None
    return keras.callbacks.ReduceLROnPlateau(
        monitor=monitor, mode=mode(monitor), patience=patience, factor=factor, min_delta=min_delta
    )


def rates(history: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return the learning rates in Keras's `History.history`, if any, without the digits of float32: 0.1."""
    return {RATE: [float(f"{rate:.6g}") for rate in history[RATE]]} if RATE in history else {}


def stopped_epoch(stopping: keras.callbacks.EarlyStopping | None) -> int | None:
    """Return the epoch, from 1, after which early stopping ended training, or None. Keras counts from 0."""
    return stopping.stopped_epoch + 1 if stopping and stopping.stopped_epoch else None


class StopIfSignalled(keras.callbacks.Callback):
    """End the training before its next epoch if a signal came."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Raise `Stopped` if a signal came."""
        stop_if_signalled()

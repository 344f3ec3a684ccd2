"""Create Keras's callbacks from the parameters."""

from pathlib import Path

from stages.base.params import TrainingParams
from stages.training.backend import keras
from stages.training.result import mode


def own_callbacks(params: TrainingParams) -> list[keras.callbacks.Callback]:  # noqa: ARG001
    """Return your own callbacks: add them here. Every training gets them, in the pipeline and in `python -m seeds`."""
    return []


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

    The callback adds the learning rate of each epoch to the logs and the history.
    """
    if patience is None:
        return None
    return keras.callbacks.ReduceLROnPlateau(
        monitor=monitor, mode=mode(monitor), patience=patience, factor=factor, min_delta=min_delta
    )


def stopped_epoch(stopping: keras.callbacks.EarlyStopping | None) -> int | None:
    """Return the epoch, from 1, after which early stopping ended training, or None. Keras counts from 0."""
    return stopping.stopped_epoch + 1 if stopping and stopping.stopped_epoch else None

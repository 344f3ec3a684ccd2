"""Keras's ModelCheckpoint and EarlyStopping as the parameters set them, and the end of an unwanted training."""

from pathlib import Path

from stages.core.artifacts import Logs, stop_if_unwanted
from stages.core.backend import keras


def mode(monitor: str) -> str:
    """Which way is better, said explicitly.

    Keras's "auto" looks at the metrics that training has built, and knows none where nothing was computed.
    """
    return "min" if monitor.endswith("loss") else "max"


def checkpoint(path: Path, monitor: str, save_best_only: bool) -> keras.callbacks.ModelCheckpoint:
    """Keras's ModelCheckpoint for the whole model."""
    return keras.callbacks.ModelCheckpoint(path, monitor=monitor, mode=mode(monitor), save_best_only=save_best_only)


def early_stopping(
    monitor: str, patience: int | None, min_delta: float, restore_best_weights: bool
) -> keras.callbacks.EarlyStopping | None:
    """Keras's EarlyStopping, or None where `patience` is None."""
    if patience is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor=monitor,
        mode=mode(monitor),
        patience=patience,
        min_delta=min_delta,
        restore_best_weights=restore_best_weights,
    )


def best_epoch(values: list[float], monitor: str) -> int:
    """The position of the best value, the first of equals: where ModelCheckpoint(save_best_only) saved last."""
    return values.index(min(values) if mode(monitor) == "min" else max(values))


class StopIfUnwanted(keras.callbacks.Callback):
    """Ends a training that was told to stop, or whose `dvc` is gone, before its next epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look for a signal and for the parent."""
        stop_if_unwanted()

"""Keras's ModelCheckpoint and EarlyStopping as the parameters set them, and a line for each epoch."""

import time
from collections.abc import Collection
from pathlib import Path

from stages.core.artifacts import METRICS, Logs, stop_if_unwanted
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


class EpochLines(keras.callbacks.Callback):
    """Prints one line an epoch: losses, accuracies, the best so far, patience left, seconds.

    Stands last in the list of callbacks, since it shows what EarlyStopping has just counted.
    """

    def __init__(self, monitor: str, stopping: keras.callbacks.EarlyStopping | None, computed: Collection[int]) -> None:
        super().__init__()
        self.monitor = monitor
        self.stopping = stopping
        self.computed = computed  # which epochs were, and not read back
        self.values: list[float] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Print the column heads."""
        heads = "".join(f"{name:>14}" for name in METRICS)
        print(f"{'epoch':>7}{heads}  {'best ' + self.monitor:<26}  patience left  seconds", flush=True)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Print the epoch's line."""
        self.values.append(logs[self.monitor])
        best = best_epoch(self.values, self.monitor)
        count = f"{epoch + 1}/{self.params['epochs']}"
        metrics = "".join(f"{logs[name]:14.4f}" for name in METRICS)
        best_so_far = f"{self.values[best]:.4f} at epoch {best + 1}"
        left = "-" if self.stopping is None else str(self.stopping.patience - self.stopping.wait)
        seconds = f"{time.perf_counter() - self.start:.1f}" if epoch in self.computed else "stored"
        print(f"{count:>7}{metrics}  {best_so_far:<26}  {left:>13}  {seconds:>7}", flush=True)

"""Keras's ModelCheckpoint, EarlyStopping and ReduceLROnPlateau as the parameters set them; the end of an unwanted
training; a table that grows while it trains.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from stages.base.errors import one_line
from stages.base.params import METRICS, Logs
from stages.base.process import stop_if_unwanted
from stages.training.backend import keras
from stages.training.result import RATE, mode


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


def lower_learning_rate(
    monitor: str, patience: int | None, factor: float, min_delta: float
) -> keras.callbacks.ReduceLROnPlateau | None:
    """Keras's ReduceLROnPlateau, or None where `patience` is None.

    It adds the rate of each epoch to the logs, as `RATE`, and `History` finds it there.
    """
    if patience is None:
        return None
    return keras.callbacks.ReduceLROnPlateau(
        monitor=monitor, mode=mode(monitor), patience=patience, factor=factor, min_delta=min_delta
    )


def rates(history: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The learning rate of each epoch, if ReduceLROnPlateau noted it; as a person would write what is a float32.

    Args:
        history: Keras's `History.history`.
    """
    return {RATE: [float(f"{rate:.6g}") for rate in history[RATE]]} if RATE in history else {}


def stopped_epoch(stopping: keras.callbacks.EarlyStopping | None) -> int | None:
    """The epoch, from 1, after which early stopping ended the training, if it did: Keras says 0 where it did not."""
    return stopping.stopped_epoch + 1 if stopping and stopping.stopped_epoch else None


class StopIfUnwanted(keras.callbacks.Callback):
    """Ends a training that was told to stop, or whose `dvc` is gone, before its next epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Look for a signal and for the parent."""
        stop_if_unwanted()


class LiveTable(keras.callbacks.Callback):
    """Adds a line for each epoch to a table, for who watches: `dvc plots show` in a second terminal, an editor.

    No output of a stage: those are all of one run, or none is there. Where it cannot be written, or there is no folder
    for it, the training goes on without it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.fault: str | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Begin anew, whatever an earlier training left there."""
        self._write("w", ["epoch", *METRICS])

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Add its line, in one piece."""
        self._write("a", [epoch + 1, *(logs[name] for name in METRICS)])

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Say what it could not do; not before, since where a disk is full the training ends in that line."""
        if self.fault:
            print(f"{self.path} could not be written ({self.fault}), which nothing depends on", file=sys.stderr)

    def _write(self, mode: str, row: list) -> None:
        if self.fault or not self.path.parent.is_dir():
            return
        try:
            with self.path.open(mode, newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerow(row)
        except OSError as error:
            self.fault = one_line(error.strerror or error)

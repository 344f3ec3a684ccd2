"""Show a training: one line per epoch."""

import time
from collections.abc import Collection

from stages.base.params import METRICS, Logs
from stages.training.backend import keras
from stages.training.result import RATE, best_epoch


class EpochDisplay(keras.callbacks.Callback):
    """Print one line per epoch: losses, accuracies, seconds, the best epoch so far and the patience left.

    This must be the last callback, because it prints the patience that `stopping` has just counted. `computed` has the
    epochs, from 0, that were not read back, and grows while training runs.
    """

    def __init__(self, monitor: str, stopping: keras.callbacks.EarlyStopping | None, computed: Collection[int]) -> None:
        super().__init__()
        self.monitor = monitor
        self.stopping = stopping
        self.computed = computed
        self.values: list[float] = []  # of the monitored metric

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Print the header."""
        heads = "".join(f"  {name:>6}" for name in METRICS)
        print(f"{'epoch':>7}{heads}  seconds  best  patience left", flush=True)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Print the line of the epoch, and the new learning rate if it has changed."""
        seconds = f"{time.perf_counter() - self.start:.1f}" if epoch in self.computed else "stored"
        self.values.append(logs[self.monitor])
        best = best_epoch(self.values, self.monitor) + 1
        patience_left = self.stopping.patience - self.stopping.wait if self.stopping else "-"
        count = f"{epoch + 1}/{self.params['epochs']}"
        metrics = "".join(f"  {logs[name]:{max(len(name), 6)}.4f}" for name in METRICS)
        print(f"{count:>7}{metrics}  {seconds:>7}  {best:>4}  {patience_left:>13}", flush=True)
        if RATE in logs and (rate := float(self.model.optimizer.learning_rate)) != logs[RATE]:
            print(f"{'':>7}  learning rate {logs[RATE]:.6g} -> {rate:.6g}", flush=True)

"""Show a training: one line per epoch and, on a terminal, one live line with a progress bar and the time left."""

import sys
import time
from collections.abc import Collection
from datetime import timedelta
from statistics import median
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from stages.base.params import METRICS, Logs
from stages.training.backend import keras
from stages.training.result import RATE, best_epoch


class EpochDisplay(keras.callbacks.Callback):
    """Prints a line per epoch: losses, accuracies, seconds, the best epoch so far and the patience left.

    It must be the last callback, because it shows what EarlyStopping has just counted. It is a context manager, so
    that the live line disappears however the training ends.

    Args:
        monitor: the metric that decides which epoch is best.
        stopping: the callback that counts the patience; None: no early stopping.
        computed: the epochs, from 0, that were computed and not read back; it grows while training runs.
    """

    def __init__(self, monitor: str, stopping: keras.callbacks.EarlyStopping | None, computed: Collection[int]) -> None:
        super().__init__()
        self.monitor = monitor
        self.stopping = stopping
        self.computed = computed
        self.values: list[float] = []  # of the monitored metric
        self.seconds: list[float] = []  # of the computed epochs
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[time_left]}"),
            console=Console(),
            auto_refresh=False,
            transient=True,
            expand=True,
            redirect_stderr=sys.stderr.isatty(),  # messages in a redirected stream stay there
            disable=not sys.stdout.isatty(),
        )

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.progress.stop()

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Print the column heads and add the live line."""
        heads = "".join(f"  {name:>6}" for name in METRICS)
        print(f"{'epoch':>7}{heads}  seconds  best  patience left", flush=True)
        self.task = self.progress.add_task("", total=self.params["epochs"], time_left="")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start the clock and renew the live line."""
        self.start = time.perf_counter()
        epochs, time_left = self.params["epochs"], ""
        if self.seconds:
            rest = timedelta(seconds=round((epochs - epoch) * median(self.seconds)))
            time_left = f"{'up to' if self.stopping else 'about'} {rest} left"
        description = f"epoch {epoch + 1} of {epochs}"
        self.progress.update(self.task, completed=epoch, description=description, time_left=time_left, refresh=True)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Print the line of the epoch, and the new learning rate if it has changed."""
        seconds = "stored"
        if epoch in self.computed:
            self.seconds.append(time.perf_counter() - self.start)
            seconds = f"{self.seconds[-1]:.1f}"
        self.values.append(logs[self.monitor])
        best = best_epoch(self.values, self.monitor) + 1
        patience_left = self.stopping.patience - self.stopping.wait if self.stopping else "-"
        count = f"{epoch + 1}/{self.params['epochs']}"
        metrics = "".join(f"  {logs[name]:{max(len(name), 6)}.4f}" for name in METRICS)
        print(f"{count:>7}{metrics}  {seconds:>7}  {best:>4}  {patience_left:>13}", flush=True)
        if RATE in logs and (rate := float(self.model.optimizer.learning_rate)) != logs[RATE]:
            print(f"{'':>7}  learning rate {logs[RATE]:.6g} -> {rate:.6g}", flush=True)

"""What a person sees of a training: a line an epoch, and on a terminal a live line below of where it stands."""

import sys
import time
from collections.abc import Collection
from datetime import timedelta
from statistics import median
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from stages.base.params import METRICS, Logs
from stages.training.backend import keras
from stages.training.result import RATE, best_epoch

BLOCKS = "▁▂▃▄▅▆▇█"


class Terminal(Console):
    """Standard output; the cursor stays visible, since a process that is killed could not bring it back."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002
        """Leave it as it is."""
        return False


def sparkline(values: list[float]) -> str:
    """A block of text a value, as high as the value stands between the least and the greatest."""
    low, high = min(values), max(values)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0
    return "".join(BLOCKS[round((value - low) * scale)] for value in values)


class EpochDisplay(keras.callbacks.Callback):
    """Shows a line an epoch: losses, accuracies, the best so far, patience left, seconds.

    On a terminal what changes with every epoch stands below the lines instead, and how long it can still take. Stands
    last in the list of callbacks, since it shows what EarlyStopping has just counted. A context, so that the terminal
    is left in order however the training ends.

    Args:
        monitor: the metric of which the best is shown.
        stopping: what counts the patience; None: no early stopping.
        computed: the epochs, from 0, that were computed and not read back; it grows while training runs.
        console: where the live lines stand; None: on standard output, if that is a terminal.
    """

    def __init__(
        self,
        monitor: str,
        stopping: keras.callbacks.EarlyStopping | None,
        computed: Collection[int],
        console: Console | None = None,
    ) -> None:
        super().__init__()
        self.monitor = monitor
        self.stopping = stopping
        self.computed = computed
        self.console = console or Terminal(force_terminal=sys.stdout.isatty())  # whatever FORCE_COLOR says
        able = self.console.is_terminal and self.console.is_interactive
        self.is_live = able and not self.console.options.ascii_only
        self.live: Live | None = None
        self.history: list[Logs] = []
        self.seconds: list[float] = []  # of the epochs that were computed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take away what stands below the lines."""
        if self.live:
            self.live.stop()

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Print the column heads, and begin to show what stands below the lines."""
        heads = "".join(f"  {name:>6}" for name in METRICS)
        more = "" if self.is_live else "  best  patience left"
        print(f"{'epoch':>7}{heads}  seconds{more}", flush=True)
        self.start = time.perf_counter()
        if self.is_live:
            to_terminal = sys.stderr.isatty()  # else it has a place of its own
            self.live = Live(
                console=self.console, get_renderable=self._state, transient=True, redirect_stderr=to_terminal
            )
            self.live.start()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        """Start the clock."""
        self.start = time.perf_counter()
        if self.live:
            self.live.refresh()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Print the epoch's line."""
        seconds = time.perf_counter() - self.start
        took = "stored"
        if epoch in self.computed:
            self.seconds.append(seconds)
            took = f"{seconds:.1f}"
        self.history.append(logs)
        best, _ = self._best()
        if self.is_live:
            more = "  best so far" if best == epoch + 1 else ""
        else:
            more = f"  {best:>4}  {self._patience_left():>13}"
        count = f"{epoch + 1}/{self.params['epochs']}"
        metrics = "".join(f"  {logs[name]:{max(len(name), 6)}.4f}" for name in METRICS)
        print(f"{count:>7}{metrics}  {took:>7}{more}", flush=True)
        if RATE in logs and (now := float(self.model.optimizer.learning_rate)) != logs[RATE]:
            print(f"{'':>7}  learning rate {logs[RATE]:.6g} -> {now:.6g}", flush=True)

    def _best(self) -> tuple[int, float]:
        """The best epoch so far, from 1, and its value of the monitored metric."""
        values = [logs[self.monitor] for logs in self.history]
        best = best_epoch(values, self.monitor)
        return best + 1, values[best]

    def _patience_left(self) -> str:
        return "-" if self.stopping is None else str(self.stopping.patience - self.stopping.wait)

    def _state(self) -> RenderableType:
        # What stands below the lines. Live asks for it four times a second, from a thread of its own.
        epochs, done = self.params["epochs"], len(self.history)
        part, left = 0.0, ""
        if self.seconds:
            usual = median(self.seconds)
            part = min((time.perf_counter() - self.start) / usual, 1)
            rest = timedelta(seconds=round(max(epochs - done - part, 0) * usual))
            left = f"about {rest} left{', or less' if self.stopping else ''}"
        line = Table.grid(Column(no_wrap=True), Column(ratio=1), Column(no_wrap=True), padding=(0, 2), expand=True)
        line.add_row(
            f"epoch {min(done + 1, epochs)} of {epochs}", ProgressBar(epochs, done + part, complete_style="green"), left
        )
        if not done:
            return line
        best, value = self._best()
        words = f"  best {self.monitor} {value:.4f} at epoch {best}"
        if self.stopping:
            words += f"  patience left {self._patience_left()} of {self.stopping.patience}"
        room = self.console.width - len("val_loss ") - len(words)
        shown = [logs["val_loss"] for logs in self.history[-max(room, 5) :]]
        return Group(line, Text(f"val_loss {sparkline(shown)}{words}", no_wrap=True))

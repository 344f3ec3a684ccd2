"""What a training gave: which epoch is kept, how it ended, and why, in words. Without Keras, for whoever reads it."""

from collections.abc import Mapping, Sequence

from stages.base.files import Written
from stages.base.params import METRICS, Monitor

TOLD = ("network", "dropout", "optimizer", "patience", "seed")  # of the parameters, in a line
RATE = "learning_rate"  # in logs and plots/history.csv, where ReduceLROnPlateau is on


class TrainingResult(Written):
    """metrics/train.json. Epochs count from 1."""

    epochs: int  # that were run
    best_epoch: int  # the one that the checkpoint keeps
    stopped_early: bool
    stopped_epoch: int | None  # the one after which early stopping ended it, if it did
    loss: float  # of the kept epoch, as the other three
    accuracy: float
    val_loss: float
    val_accuracy: float

    def how_it_ended(self) -> str:
        """One clause: after how many epochs, and whether early stopping ended it."""
        if self.stopped_epoch is not None:
            return f"stopped after epoch {self.stopped_epoch}"
        return f"ran all {self.epochs} epochs" if self.epochs > 1 else "ran its only epoch"

    def why_it_ended(self, monitor: Monitor, patience: int | None, min_delta: float) -> str:
        """The same with the reason.

        Args:
            monitor: the metric that early stopping watched.
            patience: for how many epochs it waited for a better value.
            min_delta: a change had to be larger than this to count.
        """
        if self.stopped_epoch is None:
            return self.how_it_ended()
        by = f" by more than {min_delta:g}" if min_delta else ""
        waited = "an epoch" if patience == 1 else f"{patience} epochs in a row"
        return f"{self.how_it_ended()}: {monitor} no better{by} for {waited}"


def mode(monitor: Monitor) -> str:
    """Which way is better, said explicitly.

    Keras's "auto" looks at the metrics that training has built, and knows none where nothing was computed.
    """
    return "min" if monitor.endswith("loss") else "max"


def best_epoch(values: Sequence[float], monitor: Monitor) -> int:
    """The position of the best value, the first of equals: where ModelCheckpoint(save_best_only) saved last."""
    return values.index(min(values) if mode(monitor) == "min" else max(values))


def result_of(
    history: Mapping[str, Sequence[float]], monitor: Monitor, save_best_only: bool, stopped_epoch: int | None
) -> TrainingResult:
    """What a training gave.

    Args:
        history: Keras's `History.history`.
        monitor: the metric that decides which epoch is best.
        save_best_only: whether the checkpoint keeps that one; else the last.
        stopped_epoch: the epoch after which early stopping ended it, from 1; None if it did not.
    """
    count = len(history[monitor])
    kept = best_epoch(history[monitor], monitor) if save_best_only else count - 1
    return TrainingResult(
        epochs=count,
        best_epoch=kept + 1,
        stopped_early=stopped_epoch is not None,
        stopped_epoch=stopped_epoch,
        **{name: history[name][kept] for name in METRICS},
    )

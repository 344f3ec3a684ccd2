"""The result of a training: which epoch is kept, how the training ended and why. No Keras, so it is quick to import."""

from collections.abc import Mapping, Sequence

from stages.base.files import JsonFile
from stages.base.params import METRICS, Monitor

SUMMARY_PARAMS = ("network", "dropout", "optimizer", "patience", "seed")  # the parameters that describe a run in a line
RATE = "learning_rate"  # the column that ReduceLROnPlateau adds to the logs and plots/history.csv


class TrainingResult(JsonFile):
    """metrics/train.json. Epochs count from 1; the last four values are those of the kept epoch."""

    epochs: int  # run
    best_epoch: int  # kept by the checkpoint
    stopped_early: bool
    stopped_epoch: int | None  # after which early stopping ended the training, if it did
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float

    def how_it_ended(self) -> str:
        """Return a clause: after how many epochs, and whether early stopping ended the training."""
        if self.stopped_epoch is not None:
            return f"stopped after epoch {self.stopped_epoch}"
        return f"ran all {self.epochs} epochs" if self.epochs > 1 else "ran its only epoch"

    def why_it_ended(self, monitor: Monitor, patience: int | None, min_delta: float) -> str:
        """Return `how_it_ended` with the reason.

        Args:
            monitor: the metric that early stopping watched.
            patience: the epochs that it waited for a better value.
            min_delta: the smallest change that counts as better.
        """
        if self.stopped_epoch is None:
            return self.how_it_ended()
        by = f" by more than {min_delta:g}" if min_delta else ""
        waited = "an epoch" if patience == 1 else f"{patience} epochs in a row"
        return f"{self.how_it_ended()}: {monitor} no better{by} for {waited}"


def mode(monitor: Monitor) -> str:
    """Return "min" or "max": which value of a metric is better.

    Keras's "auto" looks at the metrics that training has built, and finds none if every epoch was read back.
    """
    return "min" if monitor.endswith("loss") else "max"


def best_epoch(values: Sequence[float], monitor: Monitor) -> int:
    """Return the position of the best value, the first of equals, which ModelCheckpoint(save_best_only) keeps."""
    return values.index(min(values) if mode(monitor) == "min" else max(values))


def result_of(
    history: Mapping[str, Sequence[float]], monitor: Monitor, save_best_only: bool, stopped_epoch: int | None
) -> TrainingResult:
    """Return the result of a training.

    Args:
        history: Keras's `History.history`.
        monitor: the metric that decides which epoch is best.
        save_best_only: whether the checkpoint keeps the best epoch, or the last.
        stopped_epoch: the epoch, from 1, after which early stopping ended the training; None if it did not.
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

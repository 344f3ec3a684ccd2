"""The result of a training: which epoch is kept and how the training ended. Imports no Keras, so it is quick."""

from collections.abc import Mapping, Sequence

from stages.base.files import JsonFile
from stages.base.params import METRICS, Monitor

SUMMARY_PARAMS = ("network", "dropout", "optimizer", "patience", "seed")  # describe a run in one line
RATE = "learning_rate"  # the column that ReduceLROnPlateau adds to the logs and plots/history.csv


class TrainingResult(JsonFile):
    """metrics/train.json. Epochs count from 1; the last four values describe the kept epoch."""

    epochs: int  # number of epochs run
    best_epoch: int  # the epoch that the checkpoint keeps
    stopped_early: bool
    stopped_epoch: int | None  # the epoch after which early stopping ended training; None: it did not
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float

    def how_it_ended(self) -> str:
        """Return a clause: "stopped after epoch 7" or "ran all 20 epochs"."""
        if self.stopped_epoch is not None:
            return f"stopped after epoch {self.stopped_epoch}"
        return f"ran all {self.epochs} epochs" if self.epochs > 1 else "ran its only epoch"


def mode(monitor: Monitor) -> str:
    """Return "min" or "max": which value of a metric is better.

    Keras's "auto" needs the metrics that training builds, and none exist if every epoch is read back.
    """
    return "min" if monitor.endswith("loss") else "max"


def best_epoch(values: Sequence[float], monitor: Monitor) -> int:
    """Return the position of the best value, the first of equal ones, as ModelCheckpoint(save_best_only) does."""
    return values.index(min(values) if mode(monitor) == "min" else max(values))


def result_of(
    history: Mapping[str, Sequence[float]], monitor: Monitor, save_best_only: bool, stopped_epoch: int | None
) -> TrainingResult:
    """Return the result of a training with this `History.history`; without `save_best_only` the last epoch is kept."""
    count = len(history[monitor])
    kept = best_epoch(history[monitor], monitor) if save_best_only else count - 1
    return TrainingResult(
        epochs=count,
        best_epoch=kept + 1,
        stopped_early=stopped_epoch is not None,
        stopped_epoch=stopped_epoch,
        **{name: history[name][kept] for name in METRICS},
    )

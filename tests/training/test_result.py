"""What a training gave: which epoch is kept and how it ended. No Keras."""

import pytest

from stages.base.params import METRICS
from stages.training.result import result_of

HISTORY = {
    "loss": [0.6, 0.5, 0.4], "accuracy": [0.7, 0.8, 0.9], "val_loss": [0.5, 0.4, 0.45], "val_accuracy": [0.8, 0.8, 0.7],
}  # fmt: skip


@pytest.mark.parametrize(
    ("monitor", "save_best_only", "stopped_epoch", "kept"),
    [
        ("val_loss", True, 3, 2),
        ("val_accuracy", True, None, 1),
        ("val_loss", False, None, 3),
    ],
)
def test_the_kept_epoch_is_the_best_or_the_last_and_the_metrics_are_its_own(
    monitor, save_best_only, stopped_epoch, kept
):
    result = result_of(HISTORY, monitor, save_best_only, stopped_epoch)
    assert (result.epochs, result.best_epoch) == (3, kept)
    assert (result.stopped_early, result.stopped_epoch) == (stopped_epoch is not None, stopped_epoch)
    assert all(getattr(result, name) == HISTORY[name][kept - 1] for name in METRICS)

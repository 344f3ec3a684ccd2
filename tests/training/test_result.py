"""What a training gave: which epoch is kept, and how it ended, in words. No Keras."""

import pytest

from stages.base.params import METRICS
from stages.training.result import result_of
from tests.support.small import trained

HISTORY = {
    "loss": [0.6, 0.5, 0.4], "accuracy": [0.7, 0.8, 0.9], "val_loss": [0.5, 0.4, 0.45], "val_accuracy": [0.8, 0.8, 0.7],
}  # fmt: skip


@pytest.mark.parametrize(
    ("monitor", "save_best_only", "kept"),
    [
        ("val_loss", True, 2),
        ("val_accuracy", True, 1),
        ("loss", True, 3),
        ("accuracy", True, 3),
        ("val_loss", False, 3),
    ],
)
def test_the_kept_epoch_is_the_best_or_the_last_and_the_metrics_are_its_own(monitor, save_best_only, kept):
    result = result_of(HISTORY, monitor, save_best_only, None)
    assert (result.epochs, result.best_epoch) == (3, kept)
    assert all(getattr(result, name) == HISTORY[name][kept - 1] for name in METRICS)


@pytest.mark.parametrize("stopped_epoch", [None, 3])
def test_it_says_whether_early_stopping_ended_it(stopped_epoch):
    result = result_of(HISTORY, "val_loss", True, stopped_epoch)
    assert (result.stopped_early, result.stopped_epoch) == (stopped_epoch is not None, stopped_epoch)


@pytest.mark.parametrize(
    ("result", "patience", "min_delta", "words"),
    [
        (trained(epochs=1), None, 0, "ran its only epoch"),
        (trained(epochs=5), 2, 0, "ran all 5 epochs"),
        (trained(5, stopped_epoch=5), 1, 0, "stopped after epoch 5: val_loss no better for an epoch"),
        (trained(5, stopped_epoch=5), 2, 0.001,
         "stopped after epoch 5: val_loss no better by more than 0.001 for 2 epochs in a row"),
    ],
)  # fmt: skip
def test_why_it_ended_in_words(result, patience, min_delta, words):
    assert result.why_it_ended("val_loss", patience, min_delta) == words

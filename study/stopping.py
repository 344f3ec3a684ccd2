"""Apply early stopping to the recorded history of a training that ran all of its epochs."""

from types import SimpleNamespace

from stages.training.callbacks import early_stopping
from stages.training.result import best_epoch


def with_patience(
    history: dict[str, list[float]], monitor: str, patience: int | None, min_delta: float = 0
) -> tuple[int, int]:
    """Run Keras's own EarlyStopping over a history, and choose the epoch that ModelCheckpoint would have kept.

    Args:
        history: `History.history` of a training without early stopping.
        monitor: the metric to watch.
        patience: as in params.yaml.
        min_delta: as in params.yaml.

    Returns:
        The number of epochs until training stops, and the kept epoch (from 1).
    """
    model = SimpleNamespace(stop_training=False)  # EarlyStopping uses nothing else if it restores no weights
    epochs = len(history[monitor])
    if stopping := early_stopping(monitor, patience, min_delta, restore_best_weights=False):
        stopping.set_model(model)
        stopping.on_train_begin()
        for epoch, value in enumerate(history[monitor]):
            stopping.on_epoch_end(epoch, {monitor: value})
            if model.stop_training:
                epochs = epoch + 1
                break
    return epochs, best_epoch(history[monitor][:epochs], monitor) + 1

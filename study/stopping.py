"""What early stopping would have made of a training that nothing stopped."""

from types import SimpleNamespace

from stages.training.callbacks import early_stopping
from stages.training.result import best_epoch


def with_patience(
    history: dict[str, list[float]], monitor: str, patience: int | None, min_delta: float = 0
) -> tuple[int, int]:
    """Keras's own EarlyStopping over a recorded history, and ModelCheckpoint's choice among what is left of it.

    Args:
        history: `History.history` of a training that was not stopped.
        monitor: the metric to watch.
        patience: as in params.yaml.
        min_delta: as in params.yaml.

    Returns:
        How many epochs would have been run, and which of them kept (from 1).
    """
    model = SimpleNamespace(stop_training=False)  # all of a model that EarlyStopping touches without restoring weights
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

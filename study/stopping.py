"""Apply early stopping to the recorded history of a training that ran all of its epochs."""

from types import SimpleNamespace

from stages.training.callbacks import early_stopping
from stages.training.result import best_epoch


def stop_early(
    history: dict[str, list[float]], monitor: str, patience: int | None, min_delta: float = 0
) -> dict[str, float]:
    """Run Keras's own EarlyStopping over a history, and choose the epoch that ModelCheckpoint would have kept.

    Returns:
        `epochs`, the number until training stops; `kept_epoch`, from 1; validation loss and accuracy of the kept epoch,
        then of the last: `kept_val_loss`, `kept_val_accuracy`, `last_val_loss`, `last_val_accuracy`.
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
    kept_epoch = best_epoch(history[monitor][:epochs], monitor) + 1
    values = {
        f"{name}_{metric}": history[metric][epoch - 1]
        for name, epoch in (("kept", kept_epoch), ("last", epochs))
        for metric in ("val_loss", "val_accuracy")
    }
    return {"epochs": epochs, "kept_epoch": kept_epoch, **values}

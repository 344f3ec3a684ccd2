"""How a training ended, and why, in words."""


def how_it_ended(epochs: int, stopped_epoch: int | None) -> str:
    """One clause: after how many epochs, and whether early stopping ended it.

    Args:
        epochs: how many were run.
        stopped_epoch: the one after which early stopping ended it, from 1; None if it did not.
    """
    if stopped_epoch is not None:
        return f"stopped after epoch {stopped_epoch}"
    return f"ran all {epochs} epochs" if epochs > 1 else "ran its only epoch"


def why_it_ended(epochs: int, stopped_epoch: int | None, monitor: str, patience: int | None, min_delta: float) -> str:
    """The same with the reason.

    Args:
        epochs: as above.
        stopped_epoch: as above.
        monitor: the metric that early stopping watched.
        patience: for how many epochs it waited for a better value.
        min_delta: a change had to be larger than this to count.
    """
    how = how_it_ended(epochs, stopped_epoch)
    if stopped_epoch is None:
        return how
    by = f" by more than {min_delta:g}" if min_delta else ""
    waited = "an epoch" if patience == 1 else f"{patience} epochs in a row"
    return f"{how}: {monitor} no better{by} for {waited}"

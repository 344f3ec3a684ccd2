"""Why a training ended, in words."""


def why_it_ended(epochs: int, stopped_epoch: int | None, monitor: str, patience: int | None, min_delta: float) -> str:
    """One clause for people.

    Args:
        epochs: how many were run.
        stopped_epoch: the one after which early stopping ended it, from 1; None if it did not.
        monitor: the metric that early stopping watched.
        patience: for how many epochs it waited for a better value.
        min_delta: a change had to be larger than this to count.
    """
    if stopped_epoch is None:
        return f"ran all {epochs} epochs"
    by = f" by more than {min_delta:g}" if min_delta else ""
    waited = "an epoch" if patience == 1 else f"{patience} epochs in a row"
    return f"stopped after epoch {stopped_epoch}: {monitor} no better{by} for {waited}"

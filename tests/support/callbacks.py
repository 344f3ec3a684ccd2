"""Keras's callbacks, shown an invented training."""

import numpy as np

from stages.base.params import METRICS
from stages.training.backend import keras
from stages.training.epochs import run_epochs

VAL_LOSS = [0.5, 0.4, 0.45, 0.38, 0.38, 0.39, 0.2]  # best of the first six: epoch 4


def play(values: list[float], callbacks: list, monitor: str = "val_loss") -> keras.Model:
    """Run epochs that only write their number into the model's one weight, and report the given values."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    def run_epoch(epoch: int) -> dict[str, float]:
        model.set_weights([np.array([[epoch + 1.0]])])
        others = dict.fromkeys(METRICS, 1.0)
        return others | {monitor: values[epoch]}

    run_epochs(model, run_epoch, len(values), callbacks)
    return model

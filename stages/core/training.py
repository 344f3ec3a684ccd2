"""A training as the parameters describe it: the compiled network, and its epochs, read back or computed."""

from stages.core import epochs
from stages.core.artifacts import main_checkout
from stages.core.backend import keras
from stages.core.images import Images
from stages.core.model import build_model, compile_model, dropout_layer
from stages.core.store import STORE, StoredEpochs


def compiled_model(
    data: Images, *, hidden_units: int, dropout: float, optimizer: str, learning_rate: float, seed: int
) -> keras.Sequential:
    """The model for such images before its first epoch."""
    model = build_model(
        input_shape=data.images.shape[1:],
        classes=len(data.classes),
        hidden_units=hidden_units,
        optional_layer=dropout_layer(dropout, seed),
        seed=seed,
    )
    compile_model(model, optimizer, learning_rate)
    return model


def stored_epochs(
    model: keras.Model, train: Images, val: Images, environment: dict[str, str], *, batch_size: int, seed: int
) -> StoredEpochs:
    """What brings the model through an epoch: to be given to `run_epochs`."""
    return StoredEpochs(
        epochs.epoch_runner(model, train, val, batch_size, seed),
        [*model.variables, *model.optimizer.variables],
        epochs.epoch_key(model, train, val, batch_size=batch_size, seed=seed, environment=environment),
        main_checkout() / STORE,
    )

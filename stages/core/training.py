"""A training as the parameters describe it: the compiled network, and its epochs, read back or computed."""

from stages.core.artifacts import main_checkout
from stages.core.backend import keras
from stages.core.epochs import epoch_key, epoch_runner
from stages.core.images import Images
from stages.core.model import build_model, compile_model, dropout_layer
from stages.core.store import STORE, StoredEpochs


def stored_training(
    train: Images,
    val: Images,
    environment: dict[str, str],
    *,
    hidden_units: int,
    dropout: float,
    optimizer: str,
    learning_rate: float,
    batch_size: int,
    seed: int,
) -> tuple[keras.Sequential, StoredEpochs]:
    """The model before its first epoch, and what brings it through one: to be given to `run_epochs`."""
    model = build_model(
        input_shape=train.images.shape[1:],
        classes=len(train.classes),
        hidden_units=hidden_units,
        optional_layer=dropout_layer(dropout, seed),
        seed=seed,
    )
    compile_model(model, optimizer, learning_rate)
    epochs = StoredEpochs(
        epoch_runner(model, train, val, batch_size, seed),
        [*model.variables, *model.optimizer.variables],
        epoch_key(model, train, val, batch_size=batch_size, seed=seed, environment=environment),
        main_checkout() / STORE,
    )
    return model, epochs

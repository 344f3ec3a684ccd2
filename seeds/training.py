"""Train a group of trainings that share their epochs, one after the other, in this process.

TensorFlow is imported inside functions, because the parent process does not need it.
"""

import inspect
from contextlib import nullcontext
from functools import lru_cache
from typing import NamedTuple, Self

from stages.base.environment import environment
from stages.base.errors import UserError
from stages.base.params import TrainingParams, in_words
from stages.data.images import PREPARED, Images, load_images

# They decide when a training stops and which epoch it keeps, but not what an epoch computes.
STOPPING = ("patience", "epochs", "min_delta", "monitor", "restore_best_weights", "save_best_only")
MEASURED = ("loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy")

History = dict[str, list[float]]  # a list per metric, one value per epoch; with dropout on for `loss` and `accuracy`


class Training(NamedTuple):
    """A setting with a seed, on the first `images` training images (None: all)."""

    params: TrainingParams
    images: int | None = None

    def epochs_of(self) -> Self:
        """Return this training without `STOPPING`: equal for all trainings that share their epochs."""
        return self._replace(params=self.params.model_copy(update=dict.fromkeys(STOPPING)))


class Result(NamedTuple):
    """The result of a training.

    The row has the number of epochs, the kept epoch (from 1), and loss and accuracy of the kept epoch's model on
    training, validation and test images, with dropout off.
    """

    row: dict[str, float]
    history: History


def environment_here() -> dict[str, str]:
    """Return everything but the inputs that decides bits, as in metrics/environment.json."""
    from stages.training.backend import gpus

    return environment(gpus())


@lru_cache(maxsize=4)
def _data(images: int | None) -> tuple[Images, Images, Images, str]:
    """Return the first `images` training images, the validation and test images, and a digest of all.

    Raises:
        UserError: there are not as many training images.
    """
    from stages.training.keys import data_digest, digest

    train, val, test = (load_images(PREPARED, part) for part in ("train", "val", "test"))
    if images is not None:
        if images > len(train.labels):
            raise UserError(f"images: must be at most {len(train.labels):,}, got {images:,}")
        train = Images(train.images[:images], train.labels[:images], train.classes)
    return train, val, test, digest(data_digest(train, val), test.images, test.labels)


def key_of(training: Training) -> str:
    """Return a digest of everything that decides a training's result: the name of its file."""
    from stages.training import callbacks
    from stages.training.keys import digest, epoch_key, syntax
    from stages.training.model import compiled_model

    train, _, _, data = _data(training.images)
    model = compiled_model(train, training.params)
    batch_size, seed = training.params.batch_size, training.params.seed
    epochs = epoch_key(model, data, batch_size=batch_size, seed=seed, environment=environment_here())
    return digest(epochs, training.params.model_dump_json(), syntax(inspect.getsource(callbacks)))


def train_group(group: list[Training], store: bool = True) -> list[Result]:
    """Train a group: the first training computes the epochs, the others read them back from the store.

    Args:
        group: trainings that differ in `STOPPING` alone, the longest first.
        store: whether to keep the epochs; hundreds of trainings would fill the disk.

    Raises:
        UserError: a loss is not finite, or the network does not fit the images.
    """
    return [_train(training, store) for training in group]


def _train(training: Training, store: bool) -> Result:
    from stages.evaluation.saved_models import measure
    from stages.training.callbacks import early_stopping, lower_learning_rate, own_callbacks
    from stages.training.epochs import epoch_runner, run_epochs
    from stages.training.model import compiled_model
    from stages.training.result import best_epoch
    from stages.training.store import stored_epochs

    params = training.params
    train, val, test, _ = _data(training.images)
    model = compiled_model(train, params)
    callbacks = [
        lower_learning_rate(params.monitor, params.lr_patience, params.lr_factor, params.min_delta),
        early_stopping(params.monitor, params.patience, params.min_delta, restore_best_weights=False),
        # Never stops; at the end it sets the weights of the epoch that ModelCheckpoint(save_best_only) would save.
        early_stopping(params.monitor, params.epochs + 1 if params.save_best_only else None, 0, True),
        *own_callbacks(params),
    ]
    batch_size, seed = params.batch_size, params.seed
    epochs = (
        stored_epochs(model, train, val, environment_here(), batch_size=batch_size, seed=seed)
        if store
        else nullcontext(epoch_runner(model, train, val, batch_size, seed))
    )
    try:
        with epochs as run_epoch:
            history = run_epochs(model, run_epoch, params.epochs, [callback for callback in callbacks if callback])
    except UserError as error:
        names = ("network", "dropout", "optimizer", "learning_rate", "seed")
        raise UserError(f"{in_words(params, names)}: {error}") from None
    count = len(history["loss"])
    kept = best_epoch(history[params.monitor], params.monitor) + 1 if params.save_best_only else count
    scores = [measure(model, part) for part in (train, val, test)]
    measured = [value for score in scores for value in (score.loss, score.accuracy)]
    return Result({"epochs": count, "kept_epoch": kept, **dict(zip(MEASURED, measured, strict=True))}, history)

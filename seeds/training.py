"""Train a group of trainings that share their epochs, one after the other, in this process.

TensorFlow is imported inside functions, because the parent process does not need it.
"""

import inspect
import os
import signal
import threading
import time
from contextlib import nullcontext
from functools import lru_cache
from typing import NamedTuple

from stages.base.environment import environment
from stages.base.errors import UserError
from stages.base.params import TrainingParams, in_words
from stages.data.images import PREPARED, Images, load_images

MEASURED = ("loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy")


class Training(NamedTuple):
    """A setting with a seed, on the first `images` training images (None: all)."""

    params: TrainingParams
    images: int | None = None


class Result(NamedTuple):
    """The result of a training."""

    row: dict[str, float]  # epochs, kept_epoch (from 1), and the kept epoch's `MEASURED`, with dropout off
    history: dict[str, list[float]]  # a value per epoch for each metric; with dropout on for `loss` and `accuracy`


def environment_here() -> dict[str, str]:
    """Return everything but the inputs that decides bits, as in metrics/environment.json."""
    from stages.training.backend import gpus

    return environment(gpus())


@lru_cache(maxsize=4)
def _data(images: int | None) -> tuple[Images, Images, Images, str]:
    """Return the first `images` training images, the validation and test images, and a digest of all."""
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
    """Train a group that shares its epochs: each training stores those that it computes, and reads the others back.

    Without `store` each training computes its own, because the epochs of hundreds of trainings would fill the disk.

    Raises:
        UserError: a loss is not finite, or the network or the number of images does not fit the prepared images.
    """
    return [_train(training, store) for training in group]


def _train(training: Training, store: bool) -> Result:
    from stages.evaluation.saved_models import measure
    from stages.training.callbacks import early_stopping, lower_learning_rate, own_callbacks
    from stages.training.epochs import epoch_runner, run_epochs
    from stages.training.model import compiled_model
    from stages.training.result import result_of
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
    if store:
        epochs = stored_epochs(model, train, val, environment_here(), batch_size=params.batch_size, seed=params.seed)
    else:
        epochs = nullcontext(epoch_runner(model, train, val, params.batch_size, params.seed))
    try:
        with epochs as run_epoch:
            history = run_epochs(model, run_epoch, params.epochs, [callback for callback in callbacks if callback])
    except UserError as error:
        setting = in_words(params, ("network", "dropout", "optimizer", "learning_rate", "seed"))
        raise UserError(f"{setting}: {error}") from None
    result = result_of(history, params.monitor, params.save_best_only, stopped_epoch=None)
    scores = [measure(model, part) for part in (train, val, test)]
    measured = [value for score in scores for value in (score.loss, score.accuracy)]
    row = {"epochs": result.epochs, "kept_epoch": result.best_epoch, **dict(zip(MEASURED, measured, strict=True))}
    return Result(row, history)


def end_with_parent(parent: int) -> None:
    """Let this process ignore Ctrl-C, and exit within a second after its parent, a process id, has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

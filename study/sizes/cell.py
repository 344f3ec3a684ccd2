"""One training of the study's second part: of one network, rate, number of images and seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.base.environment import environment
from stages.base.errors import UserError
from stages.base.params import TrainingParams, written
from stages.base.process import note_who_waits
from stages.data.images import Images, load_images
from stages.training.backend import gpus, keras
from stages.training.callbacks import StopIfUnwanted
from stages.training.epochs import epoch_runner, run_epochs
from stages.training.model import compiled_model
from stages.training.store import digest, stored_history
from study.sizes.grid import GRID, MEASURED, Cell
from study.stopping import with_patience

COLUMNS = ("network", "images", "dropout", "seed", "early_stopping", *MEASURED)
SAMPLE_COLUMNS = (*COLUMNS, "state")


def train_cell(params: TrainingParams, cell: Cell, seed: int) -> tuple[list[list], int]:
    """Train for all epochs, or read back what did.

    Returns:
        A row without early stopping and one with it, as in `COLUMNS`; and how many epochs were computed.

    Raises:
        UserError: there are not so many images.
    """
    model, train, val = _begin(params, cell, seed)
    history, computed = stored_history(
        model, train, val, environment(gpus()), params.epochs, batch_size=params.batch_size, seed=seed
    )
    return _rows(params, cell, seed, history), computed


def sample_cell(params: TrainingParams, cell: Cell, seed: int) -> list[list]:
    """Train for all epochs, whatever is stored.

    Returns:
        The rows of `train_cell`, each with a digest of all variables after the last epoch, as in `SAMPLE_COLUMNS`.

    Raises:
        UserError: there are not so many images.
    """
    model, train, val = _begin(params, cell, seed)
    run_epoch = epoch_runner(model, train, val, min(params.batch_size, len(train.labels)), seed)
    history = run_epochs(model, run_epoch, params.epochs, [StopIfUnwanted()])
    state = digest(*map(np.asarray, [*model.variables, *model.optimizer.variables]))
    return [[*row, state] for row in _rows(params, cell, seed, history)]


def _begin(params: TrainingParams, cell: Cell, seed: int) -> tuple[keras.Model, Images, Images]:
    """The model before its first epoch, the images for training and those for validation."""
    note_who_waits()  # in a process of its own
    whole, val = (load_images(Path(f"data/prepared/{part}.npz")) for part in ("train", "val"))
    if cell.images > len(whole.labels):
        raise UserError(f"{GRID}: images: at most {len(whole.labels):,} are there, got {cell.images:,}")
    train = Images(whole.images[: cell.images], whole.labels[: cell.images], whole.classes)
    return compiled_model(train, params.model_copy(update={"dropout": cell.dropout, "seed": seed})), train, val


def _rows(params: TrainingParams, cell: Cell, seed: int, history: Mapping[str, Sequence[float]]) -> list[list]:
    rows = []
    for patience in (None, params.patience):
        last, kept = with_patience(history, params.monitor, patience, params.min_delta)
        values = (history[name][epoch - 1] for epoch in (kept, last) for name in ("val_loss", "val_accuracy"))
        stopping = written(patience is not None)
        rows.append([cell.network, cell.images, written(cell.dropout), seed, stopping, last, kept, *values])
    return rows

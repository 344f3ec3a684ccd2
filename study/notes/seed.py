"""All trainings of the study with one seed: they share the epochs that they have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stages.base.environment import environment
from stages.base.params import METRICS, TrainingParams
from stages.base.process import note_who_waits
from stages.data.images import load_images
from stages.evaluation.saved_models import measure
from stages.training.backend import gpus
from stages.training.callbacks import StopIfUnwanted, early_stopping, lower_learning_rate
from stages.training.epochs import run_epochs
from stages.training.model import compiled_model
from stages.training.store import stored_epochs
from study.stopping import with_patience

PATIENCES = range(1, 11)


class Rows(NamedTuple):
    """What the trainings with one seed gave: rows of the study's three tables, the seed in each."""

    trainings: list[list]
    history: list[list]
    patience: list[list]
    computed: int  # epochs
    read_back: int


TRAININGS = ("training", "seed", "epochs", "kept_epoch", *METRICS, "test_loss", "test_accuracy")
HISTORY = ("training", "seed", "epoch", *METRICS)
PATIENCE = ("training", "seed", "patience", "epochs", "kept_epoch", "val_loss", "val_accuracy")


def train_all(trainings: Mapping[str, TrainingParams], seed: int) -> Rows:
    """Run them one after the other.

    What is measured is the model in memory after training, as in the notes: the last epoch's, or, where early stopping
    restores the best weights, the best one's. With dropout off, also on the training images.
    """
    note_who_waits()  # in a process of its own
    train, val, test = (load_images(Path(f"data/prepared/{part}.npz")) for part in ("train", "val", "test"))
    computed_by = environment(gpus())
    trained, epochs_run, patient, computed, read_back = [], [], [], 0, 0
    for name, params in trainings.items():
        model = compiled_model(train, params.model_copy(update={"seed": seed}))
        epochs = stored_epochs(model, train, val, computed_by, batch_size=params.batch_size, seed=seed)
        stopping = early_stopping(params.monitor, params.patience, params.min_delta, params.restore_best_weights)
        lowering = lower_learning_rate(params.monitor, params.lr_patience, params.lr_factor, params.min_delta)
        callbacks = [each for each in (StopIfUnwanted(), lowering, stopping) if each]
        with epochs:
            history = run_epochs(model, epochs, params.epochs, callbacks)
        count = len(history["loss"])
        restored = stopping is not None and params.restore_best_weights
        kept = stopping.best_epoch + 1 if restored else count
        measured = [each for part in (train, val, test) for each in measure(model, part).model_dump().values()]
        trained.append([name, seed, count, kept, *measured])
        epochs_run.extend(
            [name, seed, epoch + 1, *(history[metric][epoch] for metric in METRICS)] for epoch in range(count)
        )
        if not stopping:
            for patience in PATIENCES:
                run, best = with_patience(history, params.monitor, patience, params.min_delta)
                metrics = (history[metric][best - 1] for metric in ("val_loss", "val_accuracy"))
                patient.append([name, seed, patience, run, best, *metrics])
        computed += len(epochs.computed)
        read_back += len(epochs.read_back)
    return Rows(trained, epochs_run, patient, computed, read_back)

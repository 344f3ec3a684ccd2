"""The study's tables, read: one array a training, in the order of the seeds."""

from pathlib import Path

import numpy as np

from stages.base.files import load_csv, unusable
from stages.base.params import METRICS
from study.notes.design import Study

TRAININGS, HISTORY = Path("study/notes/trainings.csv"), Path("study/notes/history.csv")
OTHER = "it is not of the trainings in study/notes.yaml"
MEASURED = ("epochs", "kept_epoch", "loss", "val_loss", "test_loss", "accuracy", "val_accuracy", "test_accuracy")

Values = dict[str, dict[str, np.ndarray]]  # training -> value -> [seeds]


def load_values(study: Study, history: dict[str, dict[str, np.ndarray]]) -> Values:
    """What was measured of each training with each seed, in the order of the seeds.

    `gap` is validation loss minus training loss, both of the model after training and with dropout off.
    `plotted_distance` is that of the notes' curves at the last epoch, so with a training loss that has dropout on and
    is the mean over an epoch.

    Raises:
        UserError: the table is not of this study.
    """
    columns = {"training": str, "seed": int, **dict.fromkeys(MEASURED, float)}
    rows = load_csv(TRAININGS, columns)
    wanted = [(name, seed) for seed in range(1, study.seeds + 1) for name in study.trainings]
    if [(row["training"], row["seed"]) for row in rows] != wanted:
        raise unusable(TRAININGS, OTHER)
    values = {
        name: {value: np.array([row[value] for row in rows if row["training"] == name]) for value in MEASURED}
        for name in study.trainings
    }
    for name, row in values.items():
        last = row["epochs"].astype(int) - 1
        each = np.arange(study.seeds)
        row["gap"] = row["val_loss"] - row["loss"]
        row["plotted_distance"] = (history["val_loss"][name] - history["loss"][name])[each, last]
    return values


def load_history(study: Study) -> dict[str, dict[str, np.ndarray]]:
    """Each metric of each training, [seeds, epochs]; NaN after a training that was stopped.

    Raises:
        UserError: the table is not of this study.
    """
    columns = {"training": str, "seed": int, "epoch": int, **dict.fromkeys(METRICS, float)}
    shape = {name: (study.seeds, training.params.epochs) for name, training in study.trainings.items()}
    history = {metric: {name: np.full(shape[name], np.nan) for name in shape} for metric in METRICS}
    for row in load_csv(HISTORY, columns):
        for metric in METRICS:
            try:
                history[metric][row["training"]][row["seed"] - 1, row["epoch"] - 1] = row[metric]
            except LookupError as error:
                raise unusable(HISTORY, OTHER) from error
    return history


def longest(study: Study) -> dict[str, str]:
    """For each training the longest that begins alike and that nothing stops; of some there may be none."""

    def beginning(name: str) -> dict:
        return study.trainings[name].params.model_dump(exclude={"epochs", "patience", "monitor", "min_delta"})

    whole = [name for name, training in study.trainings.items() if training.params.patience is None]
    alike = {name: [other for other in whole if beginning(other) == beginning(name)] for name in study.trainings}
    return {
        name: max(others, key=lambda other: study.trainings[other].params.epochs)
        for name, others in alike.items()
        if others
    }

"""The scores of each class. Arrays in, plain numbers out."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import f1_score, precision_recall_fscore_support


class ClassScores(NamedTuple):
    """One class against all others."""

    precision: float
    recall: float
    f1: float
    support: int  # images of the class


def per_class(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[ClassScores]:
    """Precision, recall and F1 of each class; 0 where a class was never predicted or never there."""
    columns = precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    return [
        ClassScores(float(precision), float(recall), float(f1), int(support))
        for precision, recall, f1, support in zip(*columns, strict=True)
    ]


def macro_f1(labels: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """The plain mean of the classes' F1."""
    return float(f1_score(labels, predicted, labels=range(classes), average="macro", zero_division=0))

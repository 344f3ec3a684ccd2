"""The scores of each class that has images: a class without any has none, and is in no mean. Arrays in, numbers out."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import f1_score, precision_recall_fscore_support


class ClassScores(NamedTuple):
    """One class against all others."""

    precision: float
    recall: float
    f1: float
    support: int  # images of the class


def per_class(labels: np.ndarray, predicted: np.ndarray) -> dict[int, ClassScores]:
    """Precision (0 where the class was never predicted), recall and F1, by the numbers of the classes, in order."""
    there = np.unique(labels).tolist()
    columns = precision_recall_fscore_support(labels, predicted, labels=there, zero_division=0)
    return {
        label: ClassScores(float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(there, *columns, strict=True)
    }


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The plain mean of the classes' F1."""
    return float(f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0))

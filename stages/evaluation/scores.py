"""Scores of a classifier: per class, and how well its confidence fits its accuracy. Arrays in, plain numbers out."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from stages.base.imports import skip_imports

# scikit-learn and scipy.stats take half a second each to import. So only the functions that need them do, and `plot`
# and the end of `make` import neither.


class ReliabilityBin(NamedTuple):
    """The images whose confidence, the highest probability of an image, falls into one bin."""

    confidence: float  # mean
    accuracy: float  # the share of these images that is classified correctly
    low: float  # Wilson's 95% interval of the accuracy
    high: float
    count: int


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[ReliabilityBin]:
    """Group images by confidence into equal bins of (0, 1], without the empty ones.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2, who use 15 bins.

    Args:
        probabilities: float [n, classes].
        labels: int [n].
        bins: the number of bins.
    """
    from scipy.stats import binomtest

    confidence = probabilities.max(axis=-1).astype(np.float64)  # [n]
    correct = probabilities.argmax(axis=-1) == labels  # [n]
    position = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # [n]
    table = []
    for inside in (position == number for number in range(bins)):
        if count := int(inside.sum()):
            right = int(correct[inside].sum())
            low, high = map(float, binomtest(right, count).proportion_ci(method="wilson"))
            table.append(ReliabilityBin(float(confidence[inside].mean()), right / count, low, high, count))
    return table


def expected_calibration_error(table: Sequence[ReliabilityBin]) -> float:
    """Return the mean distance between confidence and accuracy, weighted by count (Guo et al. 2017, equation 3)."""
    # fsum: the built-in sum rounds in another way from Python 3.12 on
    return math.fsum(row.count * abs(row.accuracy - row.confidence) for row in table) / sum(row.count for row in table)


def confidence_and_right(table: Sequence[ReliabilityBin]) -> tuple[float, int, int]:
    """Return the mean confidence of all images, how many are classified correctly, and how many there are."""
    count = sum(row.count for row in table)
    right = sum(round(row.accuracy * row.count) for row in table)
    return math.fsum(row.count * row.confidence for row in table) / count, right, count


def _variances(table: Sequence[ReliabilityBin]) -> list[float]:
    """Return the variance of the number of correct images in each bin of a perfectly calibrated model."""
    return [row.count * row.confidence * (1 - row.confidence) for row in table]


def difference_by_chance(table: Sequence[ReliabilityBin]) -> float:
    """Return how far mean confidence and accuracy of a perfectly calibrated model differ in 95% of cases, at most.

    A normal approximation, but at least one image: with few images or probabilities near 1 it would be less.
    """
    count = sum(row.count for row in table)
    return max(1.96 * math.sqrt(sum(_variances(table))), 1) / count


def error_by_chance(table: Sequence[ReliabilityBin]) -> float:
    """Return the mean expected calibration error of a perfectly calibrated model, in a normal approximation.

    It is not 0, because it is a mean of distances, and it is large if the bins have few images.
    """
    distances = (math.sqrt(2 / math.pi * variance) for variance in _variances(table))  # of a normal variable from 0
    return sum(distances) / sum(row.count for row in table)


class ClassScores(NamedTuple):
    """The scores of one class against all others."""

    precision: float  # 0 if the class was never predicted
    recall: float
    f1: float
    support: int  # images of the class


def per_class(labels: np.ndarray, predicted: np.ndarray) -> dict[int, ClassScores]:
    """Return the scores of each class that has images, by its number.

    Args:
        labels: the true classes, int [n].
        predicted: the predicted classes, int [n].
    """
    with skip_imports("pandas"):
        from sklearn.metrics import precision_recall_fscore_support

    present = np.unique(labels).tolist()
    columns = precision_recall_fscore_support(labels, predicted, labels=present, zero_division=0)
    return {
        label: ClassScores(float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(present, *columns, strict=True)
    }


def macro_f1(scores: Iterable[ClassScores]) -> float:
    """Return the plain mean of the classes' F1."""
    return float(np.mean([score.f1 for score in scores]))

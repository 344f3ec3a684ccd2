"""Compute the scores of a classifier: per class, and its calibration. Arrays in, plain numbers out."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from stages.base.imports import skip_imports

# scikit-learn and scipy.stats take half a second each to import, so only the functions that need them import them:
# `plot` and the end of `make` need neither.


class ReliabilityBin(NamedTuple):
    """The images whose confidence, the probability of the predicted class, falls into one bin."""

    confidence: float  # mean
    accuracy: float  # share of these images that is classified correctly
    low: float  # Wilson's 95% interval of the accuracy
    high: float
    count: int


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[ReliabilityBin]:
    """Group images by confidence into bins of equal width in (0, 1], and leave out empty bins.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2, with 15 bins. The probabilities are float
    [n, classes], the labels int [n].
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


class Calibration(NamedTuple):
    """How well confidence fits accuracy. The last two values are those of a perfectly calibrated model, by chance."""

    confidence: float  # mean
    right: int  # number of images classified correctly
    count: int  # number of images
    error: float  # expected calibration error
    difference_by_chance: float  # between mean confidence and accuracy: at most this in 95% of cases
    error_by_chance: float  # mean; it is large if the bins have few images


def calibration(table: Sequence[ReliabilityBin]) -> Calibration:
    """Return the calibration over all bins; `error` is Guo et al. 2017, equation 3.

    The number of correct images in a bin of a perfectly calibrated model is about normally distributed. Its standard
    deviation gives both values by chance. With few images, or probabilities near 1, the normal distribution is too
    narrow, so `difference_by_chance` is at least one image.
    """
    count = sum(row.count for row in table)
    variances = [row.count * row.confidence * (1 - row.confidence) for row in table]
    # fsum, because the built-in sum rounds differently from Python 3.12 on
    return Calibration(
        confidence=math.fsum(row.count * row.confidence for row in table) / count,
        right=sum(round(row.accuracy * row.count) for row in table),
        count=count,
        error=math.fsum(row.count * abs(row.accuracy - row.confidence) for row in table) / count,
        difference_by_chance=max(1.96 * math.sqrt(math.fsum(variances)), 1) / count,
        error_by_chance=math.fsum(math.sqrt(2 / math.pi * variance) for variance in variances) / count,
    )


class ClassScores(NamedTuple):
    """The scores of one class against all others."""

    precision: float  # 0 if the class was never predicted
    recall: float
    f1: float
    support: int  # images of the class


def per_class(labels: np.ndarray, predicted: np.ndarray) -> dict[int, ClassScores]:
    """Return the scores of each class that has images, by its number. Both arguments are classes, int [n]."""
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

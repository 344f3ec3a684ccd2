"""Whether a classifier is as often right as it is sure. Arrays in, plain numbers out."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stages.base.imports import without

# scikit-learn and scipy.stats take half a second each to import, so only the functions that need them do: `plot` and
# the end of `make` take no more from here than types and sums.


class ReliabilityBin(NamedTuple):
    """The images whose top probability falls into one bin."""

    confidence: float  # their mean top probability
    accuracy: float  # the share of them classified rightly
    low: float  # Wilson's 95 % interval of that share
    high: float
    count: int


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> list[ReliabilityBin]:
    """Group images by top probability into equal bins of (0, 1], without the empty ones.

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


def expected_calibration_error(table: list[ReliabilityBin]) -> float:
    """The mean distance of confidence and accuracy, weighted by count (Guo et al. 2017, equation 3)."""
    # fsum, since the built-in sum rounds differently from Python 3.12 on, and so would the committed figure
    return math.fsum(row.count * abs(row.accuracy - row.confidence) for row in table) / sum(row.count for row in table)


def sure_and_right(table: Sequence[ReliabilityBin]) -> tuple[float, int, int]:
    """The mean top probability of all images, how many are classified rightly, and how many there are."""
    count = sum(row.count for row in table)
    right = sum(round(row.accuracy * row.count) for row in table)
    return math.fsum(row.count * row.confidence for row in table) / count, right, count


def in_percent(right: int, count: int) -> str:
    """A share of images with one decimal, half rounded up.

    From the counts: a float that stands for 86.85 % lies above or below it, by how it came about.
    """
    tenths = (2000 * right + count) // (2 * count)
    return f"{tenths // 10}.{tenths % 10}"


def _right_by_chance(table: Sequence[ReliabilityBin]) -> np.ndarray:
    """How probable each number of right answers is, float [images + 1], if each is right with its bin's confidence.

    Hong 2013, "On computing the distribution function for the Poisson binomial distribution", section 2.2.
    """
    numbers = sum(row.count for row in table) + 1
    turns = np.exp(-2j * np.pi * np.arange(numbers // 2 + 1) / numbers)
    spectrum = np.prod([(1 - row.confidence + row.confidence * turns) ** row.count for row in table], axis=0)
    return np.fft.irfft(spectrum, numbers)


def gap_by_chance(table: Sequence[ReliabilityBin]) -> float:
    """How far confidence and accuracy of all images are apart, at most, in 95 % of cases by chance alone.

    That is, if each image is right with the probability that is claimed. Exact: with few images, or probabilities near
    1, a normal distribution gives less than a single mistake makes.
    """
    sure, _, total = sure_and_right(table)
    gap = np.abs(np.arange(total + 1) / total - sure)
    order = np.argsort(gap, kind="stable")
    within = np.cumsum(_right_by_chance(table)[order])
    return float(gap[order][np.searchsorted(within, 0.95)])


def error_by_chance(table: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error that a model as right as it is sure has on average, by chance alone.

    It is a mean of distances, so it is never 0, and large where bins have few images.
    """
    distances = (
        np.abs(np.arange(row.count + 1) / row.count - row.confidence) @ _right_by_chance([row]) for row in table
    )
    count = sum(row.count for row in table)
    return math.fsum(row.count * distance for row, distance in zip(table, distances, strict=True)) / count


class ClassScores(NamedTuple):
    """One class against all others."""

    precision: float
    recall: float
    f1: float
    support: int  # images of the class


def per_class(labels: np.ndarray, predicted: np.ndarray) -> dict[int, ClassScores]:
    """Precision (0 where the class was never predicted), recall and F1, by the numbers of the classes, in order."""
    with without("pandas"):
        from sklearn.metrics import precision_recall_fscore_support

    there = np.unique(labels).tolist()
    columns = precision_recall_fscore_support(labels, predicted, labels=there, zero_division=0)
    return {
        label: ClassScores(float(precision), float(recall), float(f1), int(support))
        for label, precision, recall, f1, support in zip(there, *columns, strict=True)
    }


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The plain mean of the classes' F1."""
    with without("pandas"):
        from sklearn.metrics import f1_score

    return float(f1_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0))

"""Whether a classifier is as often right as it is sure. Arrays in, plain numbers out."""

import math
from typing import NamedTuple

import numpy as np


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
    from scipy.stats import binomtest  # half a second, which only who counts needs to wait

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

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.calibration import calibration_curve

from stages.evaluation.scores import (
    ReliabilityBin,
    error_by_chance,
    expected_calibration_error,
    gap_by_chance,
    in_percent,
    reliability,
    sure_and_right,
)


def probabilities(confidence: list[float]) -> np.ndarray:
    """Two classes; class 0 predicted with the given confidence."""
    return np.array([[c, 1 - c] for c in confidence], np.float32)


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): every p from which right / count is less than 1.96 errors away."""
    p = np.linspace(0, 1, 1_000_001)
    inside = p[(right / count - p) ** 2 <= 1.959964**2 * p * (1 - p) / count]
    return pytest.approx(inside[0], abs=2e-6), pytest.approx(inside[-1], abs=2e-6)


def test_a_model_as_sure_as_it_is_right_has_no_calibration_error():
    labels = np.array([0, 0, 0, 1])  # right in 3 of 4, and 75 % sure
    table = reliability(probabilities([0.75] * 4), labels)
    assert [tuple(row) for row in table] == [(0.75, 0.75, *wilson(3, 4), 4)]
    assert expected_calibration_error(table) == 0


def test_the_calibration_error_is_weighted_by_count():
    table = reliability(probabilities([0.625, 0.625, 0.625, 1.0]), np.array([0, 0, 0, 1]))
    # three images 62.5 % sure and right: off by .375; one quite sure and wrong: off by 1
    assert expected_calibration_error(table) == pytest.approx((3 * 0.375 + 1 * 1.0) / 4)


def test_the_calibration_error_is_rounded_alike_by_every_python():
    table = [ReliabilityBin(0.0, accuracy, 0.0, 1.0, 1) for accuracy in (0.1,) * 10]
    assert sum([0.1] * 10, start=0.0) in (1.0, 0.9999999999999999)  # the built-in: by the version of Python
    assert expected_calibration_error(table) == 1.0 / 10


def test_bins_agree_with_scikit_learn():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 1000)
    correct = generator.random(1000) < confidence
    table = reliability(probabilities(confidence), np.where(correct, 0, 1), bins=10)
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=10)
    np.testing.assert_allclose([row.accuracy for row in table], accuracy)
    np.testing.assert_allclose([row.confidence for row in table], mean_confidence, rtol=1e-6)
    assert sum(row.count for row in table) == 1000


def claimed(*bins: tuple[float, int]) -> list[ReliabilityBin]:
    """So sure of so many images; how many are right does not matter here."""
    return [ReliabilityBin(confidence, 0.5, 0.0, 1.0, count) for confidence, count in bins]


@pytest.mark.parametrize(
    ("bins", "gap"),
    [
        ([(0.8, 1000)], 0.025),  # as a normal distribution has it: 1.96 standard errors
        ([(0.64, 2)], 0.64),  # both wrong has a probability of 13 %; 1.96 standard errors are 0.665, more than can be
        ([(0.9999, 1000)], 0.0009),  # one wrong has a probability of 9 %; 1.96 standard errors are 0.0006
        ([(1.0, 50)], 0.0),
        ([(1.0, 300), (0.5, 100)], 0.025),
    ],
)
def test_chance_keeps_confidence_and_accuracy_so_far_apart_exactly(bins, gap):
    assert gap_by_chance(claimed(*bins)) == pytest.approx(gap)


@pytest.mark.parametrize("bins", [[(0.7, 3)], [(0.4, 2), (0.9, 7)], [(0.3, 40), (0.62, 100), (0.97, 800)]])
def test_what_chance_does_agrees_with_a_simulation(bins):
    generator = np.random.default_rng(0)
    confidence, count = (np.array(values) for values in zip(*bins, strict=True))
    right = binom.rvs(count, confidence, size=(20_000, len(bins)), random_state=generator)  # [runs, bins]
    gaps = np.abs((right - count * confidence).sum(axis=1)) / count.sum()
    found = gap_by_chance(claimed(*bins))
    assert np.mean(gaps <= found + 1e-9) >= 0.945
    assert np.mean(gaps < found - 1e-9) < 0.955
    errors = (np.abs(right / count - confidence) * count).sum(axis=1) / count.sum()
    assert error_by_chance(claimed(*bins)) == pytest.approx(errors.mean(), rel=0.02)


def test_one_image_is_off_by_what_it_is_not_sure_of():
    assert error_by_chance(claimed((0.75, 1))) == pytest.approx(2 * 0.75 * 0.25)
    assert error_by_chance(claimed((1.0, 4))) == pytest.approx(0)


@pytest.mark.parametrize(
    ("right", "count", "written"),
    [(8685, 10_000, "86.9"), (8684, 10_000, "86.8"), (2, 3, "66.7"), (0, 3, "0.0"), (3, 3, "100.0"), (1, 2000, "0.1")],
)
def test_a_share_is_rounded_from_the_counts(right, count, written):
    assert in_percent(right, count) == written


def test_right_answers_are_counted_over_all_bins():
    table = [ReliabilityBin(0.5, 1 / 3, 0, 1, 3), ReliabilityBin(0.9, 8684 / 9997, 0, 1, 9997)]
    assert sure_and_right(table) == (pytest.approx((0.5 * 3 + 0.9 * 9997) / 10_000), 8685, 10_000)

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from stages.core.calibration import ReliabilityBin, expected_calibration_error, reliability


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

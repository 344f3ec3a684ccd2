"""Scores against scikit-learn, SciPy and a simulation."""

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.calibration import calibration_curve

from stages.evaluation.scores import ReliabilityBin, calibration, macro_f1, per_class, reliability


@pytest.mark.parametrize(
    ("labels", "predicted", "scores", "mean_f1"),
    [
        ([0, 0, 2], [0, 0, 2], {0: (1, 1, 1, 2), 2: (1, 1, 1, 1)}, 1),
        ([0, 0, 2], [0, 1, 2], {0: (1, 1 / 2, 2 / 3, 2), 2: (1, 1, 1, 1)}, 5 / 6),  # 1 has no images
        ([0, 0, 2], [0, 0, 0], {0: (2 / 3, 1, 4 / 5, 2), 2: (0, 0, 0, 1)}, 2 / 5),  # 2 was never predicted
    ],
)
def test_a_class_without_images_has_no_score(labels, predicted, scores, mean_f1):
    found = per_class(np.array(labels, np.uint8), np.array(predicted))
    assert found == {label: pytest.approx(score) for label, score in scores.items()}
    assert macro_f1(found.values()) == pytest.approx(mean_f1)


def probabilities(confidence: list[float]) -> np.ndarray:
    """Two classes; class 0 predicted with the given confidence."""
    return np.array([[c, 1 - c] for c in confidence], np.float32)


def test_a_perfectly_calibrated_model_has_no_calibration_error():
    table = reliability(probabilities([0.75] * 4), np.array([0, 0, 0, 1]))
    assert table == [pytest.approx((0.75, 0.75, 0.3006, 0.9544, 4), abs=1e-4)]
    assert calibration(table).error == 0


def test_the_calibration_error_is_weighted_by_count():
    table = reliability(probabilities([0.625, 0.625, 0.625, 1.0]), np.array([0, 0, 0, 1]))
    # three images with confidence 0.625, all right; one with confidence 1, wrong
    assert calibration(table)[:4] == (pytest.approx(2.875 / 4), 3, 4, pytest.approx((3 * 0.375 + 1 * 1.0) / 4))


def test_bins_agree_with_scikit_learn():
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.5, 1, 1000)
    correct = generator.random(1000) < confidence
    table = reliability(probabilities(confidence), np.where(correct, 0, 1), bins=10)
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=10)
    np.testing.assert_allclose([row.accuracy for row in table], accuracy)
    np.testing.assert_allclose([row.confidence for row in table], mean_confidence, rtol=1e-6)
    assert sum(row.count for row in table) == 1000


@pytest.mark.parametrize("bins", [[(0.4, 20), (0.9, 70)], [(0.3, 40), (0.62, 100), (0.97, 800)]])
def test_values_by_chance_agree_with_a_simulation(bins):
    generator = np.random.default_rng(0)
    confidence, count = (np.array(values) for values in zip(*bins, strict=True))
    right = binom.rvs(count, confidence, size=(20_000, len(bins)), random_state=generator)  # [runs, bins]
    table = [ReliabilityBin(share, 0.5, 0.0, 1.0, images) for share, images in bins]
    differences = np.abs((right - count * confidence).sum(axis=1)) / count.sum()
    assert calibration(table).difference_by_chance == pytest.approx(np.quantile(differences, 0.95), rel=0.08)
    errors = (np.abs(right / count - confidence) * count).sum(axis=1) / count.sum()
    assert calibration(table).error_by_chance == pytest.approx(errors.mean(), rel=0.05)


def test_chance_can_always_make_one_mistake():
    assert calibration([ReliabilityBin(0.9999, 0.999, 0.0, 1.0, 1000)]).difference_by_chance == pytest.approx(1 / 1000)

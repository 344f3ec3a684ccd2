import numpy as np
import pytest
from sklearn.metrics import classification_report

from stages.core.metrics import macro_f1, per_class


def test_class_scores_agree_with_scikit_learns_report():
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 3, (2, 200))
    report = classification_report(labels, predicted, output_dict=True)
    for number, scores in enumerate(per_class(labels, predicted, 3)):
        expected = report[str(number)]
        assert scores == (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
    assert macro_f1(labels, predicted, 3) == pytest.approx(report["macro avg"]["f1-score"])


def test_a_class_that_never_appears_scores_zero():
    scores = per_class(np.array([0, 0]), np.array([0, 0]), classes=2)
    assert scores == [(1, 1, 1, 2), (0, 0, 0, 0)]

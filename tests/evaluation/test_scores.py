import numpy as np
import pytest
from sklearn.metrics import classification_report

from stages.evaluation.scores import macro_f1, per_class


def test_class_scores_agree_with_scikit_learns_report():
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 3, (2, 200))
    report = classification_report(labels, predicted, output_dict=True)
    for number, scores in per_class(labels, predicted).items():
        expected = report[str(number)]
        assert scores == (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
    assert macro_f1(labels, predicted) == pytest.approx(report["macro avg"]["f1-score"])


@pytest.mark.parametrize(
    ("labels", "predicted", "scores"),
    [
        ([0, 0], [0, 0], {0: (1, 1, 1, 2)}),
        ([0, 0, 2], [0, 0, 2], {0: (1, 1, 1, 2), 2: (1, 1, 1, 1)}),
        ([0, 0, 2], [0, 1, 2], {0: (1, 1 / 2, 2 / 3, 2), 2: (1, 1, 1, 1)}),  # taken for one without images
        ([0, 0, 2], [0, 0, 0], {0: (2 / 3, 1, 4 / 5, 2), 2: (0, 0, 0, 1)}),  # never given as an answer
    ],
)
def test_a_class_without_images_has_no_score_and_is_in_no_mean(labels, predicted, scores):
    given = np.array(labels, np.uint8), np.array(predicted)
    assert per_class(*given) == {label: pytest.approx(score) for label, score in scores.items()}
    assert macro_f1(*given) == pytest.approx(np.mean([f1 for _, _, f1, _ in scores.values()]))

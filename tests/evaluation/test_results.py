"""The tables of `evaluate`, written and read back; no Keras."""

from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.base.files import save_csv
from stages.data.images import Images
from stages.evaluation.results import Prediction, load_predictions, load_reliability, load_scores, predictions_of
from stages.evaluation.scores import ClassScores, ReliabilityBin, per_class, reliability

TEST = Images(np.zeros((4, 2, 2), np.uint8), np.array([0, 1, 1, 2], np.uint8), np.array(["a", "b", "c", "untested"]))
PROBABILITIES = np.array(
    [[0.7, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.2, 0.1, 0.4, 0.3], [0.1, 0.1, 0.7, 0.1]], np.float32
)


def test_tables_are_read_back_to_the_bit(tmp_path: Path):
    predicted, path = PROBABILITIES.argmax(axis=-1), tmp_path / "table.csv"
    save_csv(path, Prediction._fields, predictions_of(PROBABILITIES, TEST))
    found, confidence = load_predictions(path, TEST)
    np.testing.assert_array_equal(found, predicted)
    np.testing.assert_array_equal(confidence.astype(np.float32), PROBABILITIES.max(axis=-1))

    scores = {str(TEST.classes[label]): score for label, score in per_class(TEST.labels, predicted).items()}
    assert list(scores) == ["a", "b", "c"]
    save_csv(path, ["class", *ClassScores._fields], [[name, *score] for name, score in scores.items()])
    assert load_scores(path) == scores

    bins = reliability(PROBABILITIES, TEST.labels)
    save_csv(path, ReliabilityBin._fields, bins)
    assert load_reliability(path) == bins


@pytest.mark.parametrize("rows", [[("b", "a", 0.5)], [("a", "bags", 0.5)], [("a", "a", 0.5)] * 2])
def test_predictions_for_other_images_are_an_error(tmp_path: Path, rows):
    save_csv(tmp_path / "predictions.csv", Prediction._fields, rows)
    one = TEST._replace(images=TEST.images[:1], labels=TEST.labels[:1])
    with pytest.raises(UserError, match="images"):
        load_predictions(tmp_path / "predictions.csv", one)

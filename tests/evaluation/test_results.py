"""What evaluate writes, made of predictions and read again; no Keras."""

from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.base.files import save_csv
from stages.data.images import Images
from stages.evaluation.results import (
    Measured,
    Prediction,
    Size,
    evaluation_of,
    load_predictions,
    load_reliability,
    load_scores,
    tables_of,
)
from stages.evaluation.scores import ClassScores, ReliabilityBin

TEST = Images(np.zeros((4, 2, 2), np.uint8), np.array([0, 1, 1, 2], np.uint8), np.array(["a", "b", "c", "untested"]))
PROBABILITIES = np.array(
    [[0.7, 0.1, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.2, 0.1, 0.4, 0.3], [0.1, 0.1, 0.7, 0.1]], np.float32
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The three tables, in files."""
    tables = tables_of(PROBABILITIES, TEST)
    save_csv(tmp_path / "predictions.csv", Prediction._fields, tables.predictions)
    save_csv(
        tmp_path / "per_class.csv", ["class", *ClassScores._fields], [[n, *s] for n, s in tables.per_class.items()]
    )
    save_csv(tmp_path / "reliability.csv", ReliabilityBin._fields, tables.reliability)
    return tmp_path


def test_what_is_written_is_read_again_to_the_bit(written: Path):
    tables = tables_of(PROBABILITIES, TEST)
    predicted, confidence = load_predictions(written / "predictions.csv", TEST)
    np.testing.assert_array_equal(predicted, PROBABILITIES.argmax(axis=-1))
    np.testing.assert_array_equal(confidence.astype(np.float32), PROBABILITIES.max(axis=-1))
    assert load_scores(written / "per_class.csv", TEST) == tables.per_class
    assert load_reliability(written / "reliability.csv") == tables.reliability


def test_a_class_without_test_images_has_no_score():
    assert list(tables_of(PROBABILITIES, TEST).per_class) == ["a", "b", "c"]


def test_the_evaluation_is_of_these_tables():
    measured, tables = Measured(loss=0.5, accuracy=0.75), tables_of(PROBABILITIES, TEST)
    predicted = PROBABILITIES.argmax(axis=-1)
    parts = {"training": Measured(loss=0.25, accuracy=1.0), "validation": measured, "test": measured}
    found = evaluation_of(Size(parameters=3, operations=5), parts, tables.reliability, predicted, TEST.labels)
    assert found.gap == 0.25
    assert found.model_dump()["model"] == {"parameters": 3, "operations": 5}
    assert found.model_dump()["validation"] == measured.model_dump()
    assert list(found.model_dump()["test"]) == ["loss", "accuracy", "macro_f1", "ece"]
    assert found.test.macro_f1 == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_tables_of_other_images_are_refused(written: Path):
    other = TEST._replace(labels=TEST.labels[::-1])
    with pytest.raises(UserError, match=r"its images are not those of data/prepared/test.npz"):
        load_predictions(written / "predictions.csv", other)
    with pytest.raises(UserError, match=r"its classes are not those of data/prepared/test.npz"):
        load_scores(written / "per_class.csv", TEST._replace(labels=np.array([0, 1, 1, 3], np.uint8)))

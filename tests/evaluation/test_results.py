"""The table of predictions, read for the test images; no Keras."""

from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.base.files import save_csv
from stages.data.images import Images
from stages.evaluation.results import PREDICTION, load_predictions

TEST = Images(np.zeros((2, 2, 2), np.uint8), np.array([0, 1], np.uint8), np.array(["a", "b", "untested"]))


def test_predictions_are_read_back_to_the_bit(tmp_path: Path):
    confidence = np.array([0.7, 0.1], np.float32)
    save_csv(tmp_path / "table.csv", PREDICTION, zip("ab", ("untested", "a"), confidence, strict=True))
    predicted, found = load_predictions(tmp_path / "table.csv", TEST)
    assert predicted.tolist() == [2, 0]
    np.testing.assert_array_equal(found.astype(np.float32), confidence)


@pytest.mark.parametrize(
    "rows", [[("b", "a", 0.5), ("a", "a", 0.5)], [("a", "a", 0.5), ("b", "bags", 0.5)], [("a", "a", 0.5)]]
)
def test_predictions_for_other_images_are_an_error(tmp_path: Path, rows):
    save_csv(tmp_path / "table.csv", PREDICTION, rows)
    with pytest.raises(UserError, match="images"):
        load_predictions(tmp_path / "table.csv", TEST)

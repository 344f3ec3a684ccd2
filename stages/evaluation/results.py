"""The results of `evaluate` for `plot`: metrics/evaluation.json and the table of predictions."""

from pathlib import Path

import numpy as np

from stages.base.files import JsonFile, load_csv, unusable
from stages.data.images import Images

PREDICTION = ("actual", "predicted", "confidence")  # a row of plots/predictions.csv: a test image


class Measured(JsonFile):
    """Loss and accuracy on some images."""

    loss: float  # cross-entropy
    accuracy: float
    penalty: float | None = None  # such as weight decay; Keras includes it in its loss. None: the network has none


class MeasuredOnTest(Measured):
    """The scores on the test images."""

    macro_f1: float  # mean F1 of the classes that have test images
    ece: float  # expected calibration error


class Size(JsonFile):
    """The size of a model."""

    parameters: int  # trainable or not
    operations: int  # floating-point operations per image


class Evaluation(JsonFile):
    """metrics/evaluation.json: the kept model, with dropout off."""

    training: Measured
    validation: Measured
    test: MeasuredOnTest
    model: Size

    @property
    def gap(self) -> float:
        """Validation loss minus training loss, both with dropout off."""
        return self.validation.loss - self.training.loss


def load_predictions(path: Path, test: Images) -> tuple[np.ndarray, np.ndarray]:
    """Read the predicted class of each test image, int [n], and its probability, float [n].

    Raises:
        UserError: the file is missing or damaged, or has other images than the test images.
    """
    rows = load_csv(path, dict(zip(PREDICTION, (str, str, float), strict=True)))
    position = {name: number for number, name in enumerate(test.classes.tolist())}
    actual, predicted = ([position.get(row[column]) for row in rows] for column in PREDICTION[:2])
    if actual != test.labels.tolist() or None in predicted:
        raise unusable(path, "its images are not those in data/prepared/")
    return np.array(predicted), np.array([row["confidence"] for row in rows])

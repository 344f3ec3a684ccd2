"""The results of `evaluate`: metrics/evaluation.json and three tables, as `plot` reads them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.files import JsonFile, load_csv, unusable
from stages.data.images import Images
from stages.evaluation.scores import ClassScores, ReliabilityBin


class Measured(JsonFile):
    """Loss and accuracy on some images, as Keras defines them, but the loss without penalties."""

    loss: float  # cross-entropy
    accuracy: float
    penalty: float | None = None  # such as weight decay; None: the network has none. Keras adds it to its loss


class MeasuredOnTest(Measured):
    """The scores on the test images."""

    macro_f1: float  # mean F1 of the classes that have test images
    ece: float  # expected calibration error


class Size(JsonFile):
    """The size of a model."""

    parameters: int  # also those that training does not change
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


class Prediction(NamedTuple):
    """A row of plots/predictions.csv: a test image."""

    actual: str
    predicted: str
    confidence: float  # the probability of the predicted class


def predictions_of(probabilities: np.ndarray, test: Images) -> list[Prediction]:
    """Return the table of predictions.

    Args:
        probabilities: float [n, classes].
        test: the n test images.
    """
    names = test.classes.tolist()
    predicted, confidence = probabilities.argmax(axis=-1), probabilities.max(axis=-1)  # [n]
    rows = zip(test.labels, predicted, confidence, strict=True)
    return [Prediction(names[label], names[answer], share) for label, answer, share in rows]


def load_predictions(path: Path, test: Images) -> tuple[np.ndarray, np.ndarray]:
    """Return the predicted class of each test image, int [n], and its probability, float [n].

    Raises:
        UserError: the file is missing or damaged, or its images are not the test images.
    """
    rows = [Prediction(**row) for row in load_csv(path, Prediction.__annotations__)]
    position = {name: number for number, name in enumerate(test.classes.tolist())}
    same_images = [row.actual for row in rows] == test.classes[test.labels].tolist()
    if not same_images or any(row.predicted not in position for row in rows):
        raise unusable(path, "its images are not those in data/prepared/")
    return np.array([position[row.predicted] for row in rows]), np.array([row.confidence for row in rows])


def load_scores(path: Path) -> dict[str, ClassScores]:
    """Return the scores by the name of the class.

    Raises:
        UserError: the file is missing or damaged.
    """
    rows = load_csv(path, {"class": str, **ClassScores.__annotations__})
    return {row.pop("class"): ClassScores(**row) for row in rows}


def load_reliability(path: Path) -> list[ReliabilityBin]:
    """Return accuracy by confidence.

    Raises:
        UserError: the file is missing or damaged.
    """
    return [ReliabilityBin(**row) for row in load_csv(path, ReliabilityBin.__annotations__)]

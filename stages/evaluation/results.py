"""What `evaluate` writes, metrics/evaluation.json and three tables: made of predictions, and read again by others."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.base.files import Written, load_csv, unusable
from stages.data.images import Images
from stages.evaluation.scores import (
    ClassScores,
    ReliabilityBin,
    expected_calibration_error,
    macro_f1,
    per_class,
    reliability,
)


class Measured(Written):
    """Of some images, as Keras defines them."""

    loss: float
    accuracy: float


class MeasuredOnTest(Measured):
    """And what else is measured of the test images."""

    macro_f1: float
    ece: float  # expected calibration error


class Size(Written):
    """How large a model is."""

    parameters: int  # weights and biases, and what layers keep beside them
    operations: int  # with floating-point numbers, for one image


class Evaluation(Written):
    """metrics/evaluation.json: of the kept model, all with dropout off."""

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


class Tables(NamedTuple):
    """The tables of the test images."""

    predictions: list[Prediction]
    per_class: dict[str, ClassScores]  # of the classes that have test images
    reliability: list[ReliabilityBin]


def tables_of(probabilities: np.ndarray, test: Images) -> Tables:
    """The tables.

    Args:
        probabilities: of the test images, float [n, classes].
        test: the test images.
    """
    names = test.classes.tolist()
    predicted, confidence = probabilities.argmax(axis=-1), probabilities.max(axis=-1)  # [n]
    return Tables(
        [
            Prediction(names[label], names[guess], sure)
            for label, guess, sure in zip(test.labels, predicted, confidence, strict=True)
        ],
        {names[label]: score for label, score in per_class(test.labels, predicted).items()},
        reliability(probabilities, test.labels),
    )


def evaluation_of(
    size: Size,
    measured: dict[str, Measured],
    table: list[ReliabilityBin],
    predicted: np.ndarray,
    labels: np.ndarray,
) -> Evaluation:
    """All figures.

    Args:
        size: of the model.
        measured: loss and accuracy of each part: "training", "validation" and "test".
        table: the reliability of the test images.
        predicted: the predicted class of each, int [n].
        labels: the true one, int [n].
    """
    more = {"macro_f1": macro_f1(labels, predicted), "ece": expected_calibration_error(table)}
    test = MeasuredOnTest(**measured["test"].model_dump(), **more)
    return Evaluation.model_validate(measured | {"model": size, "test": test})


def load_predictions(path: Path, test: Images) -> tuple[np.ndarray, np.ndarray]:
    """What a table says of each test image: the predicted class, int [n], and its probability, float [n].

    Raises:
        UserError: it is of other images.
    """
    rows = [Prediction(**row) for row in load_csv(path, Prediction.__annotations__)]
    if [row.actual for row in rows] != test.classes[test.labels].tolist():
        raise unusable(path, "its images are not those of data/prepared/test.npz")
    position = {name: number for number, name in enumerate(test.classes)}
    try:
        predicted = np.array([position[row.predicted] for row in rows])
    except KeyError as error:
        raise unusable(path, f"no class {error}") from error
    return predicted, np.array([row.confidence for row in rows])


def load_scores(path: Path, test: Images) -> dict[str, ClassScores]:
    """The scores of each class that has test images.

    Raises:
        UserError: they are of other classes.
    """
    rows = load_csv(path, {"class": str, **ClassScores.__annotations__})
    scores = {row.pop("class"): ClassScores(**row) for row in rows}
    if list(scores) != test.classes[np.unique(test.labels)].tolist():
        raise unusable(path, "its classes are not those of data/prepared/test.npz")
    return scores


def load_reliability(path: Path) -> list[ReliabilityBin]:
    """Accuracy by confidence."""
    return [ReliabilityBin(**row) for row in load_csv(path, ReliabilityBin.__annotations__)]

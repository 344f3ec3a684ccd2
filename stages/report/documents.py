"""Write a run as documents: the page, plots/report.html, and the card of its model, models/CARD.md.

The card has the form of Hugging Face's model cards.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from stages.base.params import written
from stages.data.images import Counts, Images, classes_without
from stages.evaluation.results import Evaluation
from stages.evaluation.scores import ClassScores, ReliabilityBin, confidence_and_right, error_by_chance
from stages.report.galleries import colors, image_png, most_confident_mistakes
from stages.report.pages import TEMPLATES, Picture, picture, render
from stages.training.result import SUMMARY_PARAMS, TrainingResult

EMPTY = {
    "limit": "none: all images",
    "lr_patience": "none: constant",
    "patience": "none: no early stopping",
}  # what an empty parameter means


class Run(NamedTuple):
    """All inputs and results of a run."""

    test: Images
    predicted: np.ndarray  # the predicted class of each test image, int [n]
    confidence: np.ndarray  # the probability of that class, float [n]
    train: TrainingResult
    ending: str  # why training ended
    evaluation: Evaluation
    scores: dict[str, ClassScores]  # by the names of the classes that have test images
    bins: list[ReliabilityBin]
    params: dict[str, Any]  # without those that the data set does not use
    data: Counts
    environment: dict[str, str]  # everything else that decides the bytes

    @property
    def most_frequent(self) -> int:
        """The number of test images of the most frequent class."""
        return int(np.bincount(self.test.labels).max())

    @property
    def untested(self) -> list[str]:
        """The classes without test images."""
        return classes_without(self.test.labels, self.test.classes)


def page(run: Run, figures: dict[str, Picture]) -> str:
    """Return the page as HTML.

    Args:
        run: what it shows.
        figures: curves, confusion, reliability and examples.
    """
    finding, mistakes = most_confident_mistakes(run.test, run.predicted, run.confidence)
    look = colors(run.test)
    pngs = [image_png(run.test.images[mistake.index], look) for mistake in mistakes]
    return render(
        TEMPLATES / "report.html",
        run=run,
        right=int(np.sum(run.predicted == run.test.labels)),
        total=len(run.test.labels),
        scores=sorted(run.scores.items(), key=lambda item: item[1].f1),
        error_by_chance=error_by_chance(run.bins),
        figures=figures,
        finding=finding,
        trained_with=", ".join(f"{name} {written(run.params[name])}" for name in SUMMARY_PARAMS),
        mistakes=[
            (mistake, picture(png, f"{mistake.truth}, classified as {mistake.answer}"))
            for mistake, png in zip(mistakes, pngs, strict=True)
        ],
        params={name: written(value, EMPTY.get(name, "none")) for name, value in run.params.items()},
    )


def card(run: Run) -> str:
    """Return the card as Markdown."""
    confidence, right, count = confidence_and_right(run.bins)
    classes = run.test.classes.tolist()
    return render(
        TEMPLATES / "CARD.md",
        run=run,
        classes=len(classes),
        list_of_classes=json.dumps(classes, ensure_ascii=False),
        shape=list(run.test.images.shape[1:]),
        scores={name.replace("|", "\\|"): score for name, score in run.scores.items()},  # inside a table
        confidence=confidence,
        right=right,
        count=count,
        error_by_chance=error_by_chance(run.bins),
        params={name: written(value) for name, value in run.params.items()},
    )

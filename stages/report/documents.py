"""Write the documents of a run: the page, plots/report.html, and the model card, models/CARD.md.

The card has the form of Hugging Face's model cards.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from stages.base.params import written
from stages.data.images import Counts, Images, classes_without
from stages.evaluation.results import Evaluation
from stages.evaluation.scores import Calibration
from stages.report.galleries import colors, image_png, most_confident_mistakes
from stages.report.pages import TEMPLATES, Picture, picture, render
from stages.training.result import SUMMARY_PARAMS, TrainingResult


class Run(NamedTuple):
    """The inputs and results of a run."""

    test: Images
    predicted: np.ndarray  # the predicted class of each test image, int [n]
    confidence: np.ndarray  # the probability of that class, float [n]
    train: TrainingResult
    evaluation: Evaluation
    scores: list[dict[str, Any]]  # the rows of plots/per_class.csv: the classes that have test images
    calibration: Calibration
    params: dict[str, Any]  # without those that the data set does not use
    data: Counts
    environment: dict[str, str]  # everything else that decides the bytes


def page(run: Run, figures: dict[str, Picture]) -> str:
    """Return the page as HTML; `figures` are curves, confusion, reliability and examples."""
    finding, mistakes = most_confident_mistakes(run.test, run.predicted, run.confidence)
    look = colors(run.test)
    gallery = [
        (mistake, picture(image_png(run.test.images[mistake.index], look), f"Test image {mistake.index:,}"))
        for mistake in mistakes
    ]
    return _fill_in("report.html", run, figures=figures, finding=finding, gallery=gallery)


def card(run: Run) -> str:
    """Return the card as Markdown."""
    return _fill_in("CARD.md", run, names=json.dumps(run.test.classes.tolist(), ensure_ascii=False))


def _fill_in(template: str, run: Run, **values: Any) -> str:  # noqa: ANN401
    params = {name: written(value) for name, value in run.params.items()}
    return render(
        TEMPLATES / template,
        run=run,
        params=params,
        summary=", ".join(f"{name} {params[name]}" for name in SUMMARY_PARAMS),
        most_frequent=int(np.bincount(run.test.labels).max()),  # test images of the most frequent class
        untested=classes_without(run.test.labels, run.test.classes),
        **values,
    )

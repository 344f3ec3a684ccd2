"""A run as documents: the page, plots/report.html, and the card of its model, models/CARD.md.

The form of the card is that of Hugging Face's model cards.
"""

import json
from typing import Any, NamedTuple

import numpy as np

from stages.base.params import written
from stages.data.images import Counted, Images
from stages.evaluation.results import Evaluation
from stages.evaluation.scores import ClassScores, ReliabilityBin, error_by_chance, in_percent, sure_and_right
from stages.report.galleries import image_png, shades, surest_mistakes
from stages.report.pages import TEMPLATES, Picture, picture, render
from stages.training.result import TOLD, TrainingResult

NONE = {
    "limit": "none: all images",
    "lr_patience": "none: it stays",
    "patience": "none: no early stopping",
}  # what an empty value means


class Run(NamedTuple):
    """All that is known of a run."""

    test: Images
    predicted: np.ndarray  # the predicted class of each test image, int [n]
    confidence: np.ndarray  # the probability of that class, float [n]
    train: TrainingResult
    ending: str  # why training ended, in words
    evaluation: Evaluation
    scores: dict[str, ClassScores]  # of the classes that have test images
    bins: list[ReliabilityBin]
    params: dict[str, Any]  # those that count
    data: Counted
    environment: dict[str, str]  # what besides the inputs decides the bytes


def page(run: Run, figures: dict[str, Picture]) -> str:
    """The page, as HTML.

    Args:
        run: what it shows.
        figures: by the names of their files; all but the worst mistakes, which the page shows image by image.
    """
    finding, mistakes = surest_mistakes(run.test, run.predicted, run.confidence)
    how = shades(run.test)
    return render(
        TEMPLATES / "report.html",
        run=run,
        right=int(np.sum(run.predicted == run.test.labels)),
        total=len(run.test.labels),
        scores=sorted(run.scores.items(), key=lambda item: item[1].f1),
        error_by_chance=error_by_chance(run.bins),
        figures=figures,
        finding=finding,
        told=", ".join(f"{name} {written(run.params[name])}" for name in TOLD),
        mistakes=[
            (each, picture(image_png(run.test.images[each.index], how), f"{each.truth} taken for {each.said}"))
            for each in mistakes
        ],
        params={name: written(value, NONE.get(name, "none")) for name, value in run.params.items()},
    )


def card(run: Run) -> str:
    """The card, as Markdown."""
    sure, right, count = sure_and_right(run.bins)
    classes = run.test.classes.tolist()
    return render(
        TEMPLATES / "CARD.md",
        run=run,
        classes=len(classes),
        list_of_classes=json.dumps(classes, ensure_ascii=False),
        shape=list(run.test.images.shape[1:]),
        scores={name.replace("|", "\\|"): score for name, score in run.scores.items()},  # inside a table
        sure=sure,
        right=right,
        share_right=in_percent(right, count),
        count=count,
        error_by_chance=error_by_chance(run.bins),
        params={name: written(value) for name, value in run.params.items()},
    )

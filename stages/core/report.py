"""The page of a run: what was found, the figures, the mistakes, and what was run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stages.core.galleries import image_png, shades, surest_mistakes
from stages.core.images import Images
from stages.core.pages import TEMPLATES, Picture, picture, render

NONE = {"limit": "none: all images", "patience": "none: no early stopping"}  # what an empty value means


def report(
    test: Images,
    predicted: np.ndarray,
    confidence: np.ndarray,
    figures: dict[str, Picture],
    *,
    kept: str,
    measured: dict[str, dict[str, float]],
    scores: Sequence[dict[str, Any]],
    error_by_chance: float,
    params: dict[str, Any],
    data: dict[str, Any],
    environment: dict[str, str],
) -> str:
    """The page, as HTML.

    Args:
        test: the test images.
        predicted: the predicted class of each, int [n].
        confidence: the probability of that class, float [n].
        figures: by the names of their files; all but the worst mistakes, which the page shows image by image.
        kept: which epoch is kept and why training ended, in words.
        measured: `accuracy` and `loss` on `validation` and on `test` images.
        scores: `class`, `precision`, `recall`, `f1` and `support` of each class that has test images.
        error_by_chance: the expected calibration error of a model as right as it is sure.
        params: every parameter that counts.
        data: what `counted` says.
        environment: what besides the inputs decides the bytes.
    """
    finding, mistakes = surest_mistakes(test, predicted, confidence)
    how = shades(test)
    return render(
        TEMPLATES / "report.html",
        right=int(np.sum(predicted == test.labels)),
        total=len(test.labels),
        kept=kept,
        measured=measured,
        scores=sorted(scores, key=lambda row: row["f1"]),
        error_by_chance=error_by_chance,
        figures=figures,
        finding=finding,
        mistakes=[
            (mistake, picture(image_png(test.images[mistake.index], how), f"{mistake.truth} taken for {mistake.said}"))
            for mistake in mistakes
        ],
        params={name: _written(name, value) for name, value in params.items()},
        data=data,
        environment=environment,
    )


def _written(name: str, value: object) -> str:
    """A value as it stands in params.yaml."""
    if value is None:
        return NONE[name]
    return str(value).lower() if isinstance(value, bool) else str(value)

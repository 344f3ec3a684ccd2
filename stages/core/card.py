"""The model's card: what it is, how good, and how to use it. The form is that of Hugging Face's model cards."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stages.core.calibration import ReliabilityBin, error_by_chance, in_percent, sure_and_right
from stages.core.metrics import ClassScores
from stages.core.pages import TEMPLATES, render


def card(
    classes: Sequence[str],
    shape: tuple[int, ...],
    evaluation: dict[str, Any],
    scores: Mapping[str, ClassScores],
    bins: Sequence[ReliabilityBin],
    *,
    params: dict[str, Any],
    data: dict[str, Any],
    train: dict[str, Any],
    environment: dict[str, str],
) -> str:
    """The card, as Markdown.

    Args:
        classes: the names, in the order of the model's outputs.
        shape: of one image, [height, width] or [height, width, 3].
        evaluation: what metrics/evaluation.json says.
        scores: of each class that has test images.
        bins: accuracy by confidence, on the test images.
        params: every parameter that counts.
        data: what `counted` says.
        train: what metrics/train.json says.
        environment: what metrics/environment.json says.
    """
    sure, right, count = sure_and_right(bins)
    return render(
        TEMPLATES / "CARD.md",
        classes=len(classes),
        list_of_classes=json.dumps(list(classes), ensure_ascii=False),
        shape=list(shape),
        evaluation=evaluation,
        scores={_cell(name): score for name, score in scores.items()},
        sure=sure,
        right=right,
        share_right=in_percent(right, count),
        count=count,
        error_by_chance=error_by_chance(bins),
        params=params,
        data=data,
        train=train,
        environment=environment,
    )


def _cell(name: str) -> str:
    """A class's name inside a table."""
    return name.replace("|", "\\|")

"""The model's card: what it is, how good, and how to use it. The form is that of Hugging Face's model cards."""

import json
import math
from collections.abc import Sequence
from typing import Any

from stages.core.calibration import ReliabilityBin
from stages.core.pages import TEMPLATES, render


def card(
    classes: Sequence[str],
    shape: tuple[int, ...],
    evaluation: dict[str, Any],
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
        bins: accuracy by confidence, on the test images.
        params: every parameter that counts.
        data: what metrics/data.json says.
        train: what metrics/train.json says.
        environment: what metrics/environment.json says.
    """
    count = sum(row.count for row in bins)
    sure = math.fsum(row.count * row.confidence for row in bins) / count
    return render(
        TEMPLATES / "CARD.md",
        classes=[_cell(name) for name in classes],
        list_of_classes=json.dumps(list(classes), ensure_ascii=False),
        shape=list(shape),
        evaluation=evaluation,
        scores=list(evaluation["test"]["per_class"].values()),
        sure=sure,
        count=count,
        params=params,
        data=data,
        train=train,
        environment=environment,
    )


def _cell(name: str) -> str:
    """A class's name inside a table."""
    return name.replace("|", "\\|")

"""Write the documents of a run: the page, plots/report.html, and the model card, models/CARD.md.

The card has the form of Hugging Face's model cards.
"""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from stages.base.params import written
from stages.data.images import Counts, Images, classes_without
from stages.evaluation.results import Evaluation
from stages.evaluation.scores import Calibration
from stages.report.galleries import dark_on_white, most_confident_mistakes
from stages.report.pages import render
from stages.training.result import SUMMARY_PARAMS, TrainingResult

TEMPLATES = Path(__file__).resolve().parent / "templates"


class Picture(NamedTuple):
    """A PNG file inside a page."""

    png: bytes
    alt: str  # a description for screen readers

    @property
    def src(self) -> str:
        """An address that contains the file, so that the page is a single file."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


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
    images = dark_on_white(run.test, [mistake.index for mistake in mistakes])
    gallery = [
        (mistake, Picture(png(image), f"Test image {mistake.index:,}"))
        for mistake, image in zip(mistakes, images, strict=True)
    ]
    return _fill_in("report.html", run, figures=figures, finding=finding, gallery=gallery)


def png(image: np.ndarray) -> bytes:
    """Return an image, uint8 [height, width] or [height, width, 3], as a PNG file with the same number of pixels."""
    file = BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


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

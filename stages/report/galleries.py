"""Draw galleries of test images: the most confident mistakes, and the first images of each class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stages.data.images import Images
from stages.report.style import WIDTH, WRONG, shortened

GREY = {"cmap": "gray", "vmin": 0, "vmax": 255}  # not the range of each image, so that a faint one looks faint
TITLE = 0.5  # inches


class Mistake(NamedTuple):
    """A misclassified test image, with its two captions."""

    index: int  # its position among the test images
    answer: str  # the predicted class and its probability: "Shirt? 93.1%"
    truth: str  # "truth: Coat"


def most_confident_mistakes(
    test: Images, predicted: np.ndarray, confidence: np.ndarray, most: int = 25
) -> tuple[str, list[Mistake]]:
    """Return a title with the number of mistakes, and at most this many: those with the highest confidence come first.

    Each test image has a predicted class, int [n], and its probability, float [n].
    """
    wrong = np.flatnonzero(predicted != test.labels)
    first = wrong[np.argsort(-confidence[wrong], kind="stable")][:most].tolist()
    if len(first) < len(wrong):
        finding = f"The model's {len(first)} most confident mistakes (of {len(wrong):,})"
    else:
        finding = f"{len(wrong):,} of {len(test.labels):,} test images misclassified"
    names = [shortened(name) for name in test.classes]
    mistakes = []
    for index in first:
        percent = f"{confidence[index]:.1%}" if confidence[index] < 0.9995 else ">99.9%"  # a model is never certain
        answer, truth = names[predicted[index]], names[test.labels[index]]
        mistakes.append(Mistake(index, f"{answer}? {percent}", f"truth: {truth}"))
    return finding, mistakes


def worst_mistakes(test: Images, predicted: np.ndarray, confidence: np.ndarray, columns: int = 5) -> Figure:
    """Draw the most confident mistakes, each above its captions (see `most_confident_mistakes`)."""
    finding, mistakes = most_confident_mistakes(test, predicted, confidence)
    rows = [mistakes[start : start + columns] for start in range(0, len(mistakes), columns)] or [[]]
    figure, all_axes = _rows(finding, len(rows), image=1.12, caption=0.48)
    for axes, row in zip(all_axes, rows, strict=True):
        images = dark_on_white(test, [mistake.index for mistake in row])
        captions = {column: f"{mistake.answer}\n{mistake.truth}" for column, mistake in enumerate(row)}
        _draw_row(axes, images, columns, margin=0.3, captions=captions)
    return figure


def examples(test: Images, predicted: np.ndarray, columns: int = 10) -> Figure:
    """Draw the first test images of each class in a row; mistakes have a frame and the predicted class, int [n]."""
    right = predicted == test.labels  # [n]
    members = [np.flatnonzero(test.labels == number) for number in range(len(test.classes))]
    drawn = np.concatenate([indices[:columns] for indices in members])
    finding = f"{np.sum(~right[drawn])} of these {len(drawn)} test images misclassified (framed)"
    figure, all_axes = _rows(finding, len(members), image=0.56, caption=0.28, left=1.4)
    for axes, name, indices in zip(all_axes, test.classes, members, strict=True):
        first = indices[:columns]
        answers = {
            column: f"{shortened(test.classes[predicted[index]], 11)}?"
            for column, index in enumerate(first)
            if not right[index]
        }
        _draw_row(axes, dark_on_white(test, first), columns, margin=0.18, captions=answers, framed=True)
        share = f"{right[indices].sum():,} of {len(indices):,} right" if len(indices) else "no test image"
        axes.set_ylabel(f"{shortened(name)}\n{share}", fontsize=9, rotation=0, ha="right", va="center")
    return figure


def dark_on_white(data: Images, indices: Sequence[int]) -> np.ndarray:
    """Return some images, uint8 [k, height, width] or [k, height, width, 3]. Grey ones on black are inverted."""
    corners = data.images[:, [0, 0, -1, -1], [0, -1, 0, -1]]  # [n, 4] or [n, 4, 3]
    images = data.images[indices]
    return 255 - images if images.ndim == 3 and np.median(corners) < 32 else images


def _rows(title: str, rows: int, image: float, caption: float, left: float = 0) -> tuple[Figure, np.ndarray]:
    """Return a figure and the axes of its rows: images with captions below, all in inches, and space on the left."""
    height = TITLE + rows * (image + caption)
    figure = Figure(figsize=(WIDTH, height))
    figure.suptitle(title, y=1 - 0.1 / height, va="top")
    figure.subplots_adjust(
        left=left / WIDTH, right=1, bottom=caption / height, top=1 - TITLE / height, hspace=caption / image
    )
    return figure, figure.subplots(rows, squeeze=False)[:, 0]


def _draw_row(
    axes: Axes, images: np.ndarray, columns: int, *, margin: float, captions: dict[int, str], framed: bool = False
) -> None:
    """Draw at most this many images, with a share of their width on both sides; some columns have captions."""
    height, width, *colors = images.shape[1:]
    edge = max(1, int(margin * width))
    step = width + 2 * edge
    row = np.full((columns, height, step, *colors), 255, np.uint8)
    row[: len(images), :, edge : edge + width] = images
    axes.imshow(np.concatenate(row, axis=1), **GREY)
    axes.set(frame_on=False, yticks=[])
    axes.set_xticks([(column + 0.5) * step - 0.5 for column in captions], captions.values(), fontsize=8)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for column in captions if framed else ():
        axes.add_patch(Rectangle((column * step + edge - 0.5, -0.5), width, height, **WRONG, clip_on=False))

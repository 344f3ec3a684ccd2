"""Draw galleries of test images: the most confident mistakes, and the first images of each class."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Rectangle

from stages.data.images import Images
from stages.report.style import WIDTH, WRONG, shortened

# Heights and widths in inches
TITLE = 0.7
LARGE, SMALL = 1.12, 0.56  # of an image: a pixel of Fashion-MNIST is exactly eight or four dots wide
LINE = 0.17  # of a caption
SPACE = 0.11  # between a caption and the next image
NAMES = 1.5  # of the column with the names of the classes


class Mistake(NamedTuple):
    """A misclassified test image, with the two lines below it."""

    index: int  # its position among the test images
    answer: str  # the predicted class and its probability: "Shirt? 93.1%"
    truth: str  # "truth: Coat"


def most_confident_mistakes(
    test: Images, predicted: np.ndarray, confidence: np.ndarray, most: int = 25
) -> tuple[str, list[Mistake]]:
    """Return a title with the number of mistakes, and the mistakes with the highest confidence, in that order.

    Args:
        test: n images.
        predicted: the predicted class of each, int [n].
        confidence: the probability of that class, float [n].
        most: the largest number of mistakes to return.
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


def worst_mistakes(test: Images, predicted: np.ndarray, confidence: np.ndarray, side: int = 5) -> Figure:
    """Draw `most_confident_mistakes` in at most `side` rows of `side` images, each with its two lines."""
    finding, mistakes = most_confident_mistakes(test, predicted, confidence, side * side)
    rows, row_height = -(-len(mistakes) // side), LARGE + 2 * LINE + SPACE
    look = colors(test)
    figure, axes = _canvas(finding, TITLE + rows * row_height)
    for number, mistake in enumerate(mistakes):
        row, column = divmod(number, side)
        center, top = WIDTH / side * (column + 0.5), TITLE + row * row_height
        _draw(axes, test.images[mistake.index], look, (center, top), LARGE)
        _write(axes, mistake.answer, center, top + LARGE, weight="bold")
        _write(axes, mistake.truth, center, top + LARGE + LINE)
    return figure


def examples(test: Images, predicted: np.ndarray, columns: int = 10) -> Figure:
    """Draw the first test images of each class in a row; mistakes have a frame and the predicted class, int [n]."""
    right = predicted == test.labels  # [n]
    members = [np.flatnonzero(test.labels == number) for number in range(len(test.classes))]
    drawn = np.concatenate([indices[:columns] for indices in members])
    finding = f"{np.sum(~right[drawn])} of these {len(drawn)} test images misclassified (framed)"
    row_height, look = SMALL + LINE + SPACE, colors(test)
    figure, axes = _canvas(finding, TITLE + len(members) * row_height)
    for row, (name, indices) in enumerate(zip(test.classes, members, strict=True)):
        top = TITLE + row * row_height
        share = f"{right[indices].sum():,} of {len(indices):,} right" if len(indices) else "no test image"
        axes.text(NAMES, top + SMALL / 2, f"{shortened(name)}\n{share}", ha="right", va="center", fontsize=9)
        for column, index in enumerate(indices[:columns]):
            center = NAMES + (WIDTH - NAMES) / columns * (column + 0.5)
            _draw(axes, test.images[index], look, (center, top), SMALL)
            if not right[index]:
                axes.add_patch(Rectangle((center - SMALL / 2, top), SMALL, SMALL, **WRONG))
                _write(axes, f"{shortened(test.classes[predicted[index]])}?", center, top + SMALL)
    return figure


def colors(data: Images) -> dict[str, Any]:
    """Return Matplotlib's arguments to draw grey images dark on white: images that are light on black are inverted.

    All images share the range of uint8, so that a faint image looks faint.
    """
    border = [data.images[:, edge] for edge in (0, -1)] + [data.images[:, :, edge] for edge in (0, -1)]
    on_black = np.median(np.concatenate(border, axis=None)) < 32
    return {"cmap": "gray_r" if on_black else "gray", "vmin": 0, "vmax": 255}


def image_png(image: np.ndarray, look: dict[str, Any]) -> bytes:
    """Return an image, uint8 [height, width] or [height, width, 3], as a PNG file of that size; `look`: `colors`."""
    file = BytesIO()
    imsave(file, image, **look, format="png", metadata={"Software": None})
    return file.getvalue()


def _canvas(title: str, height: float) -> tuple[Figure, Axes]:
    """Return a figure, and axes that count inches from its upper left corner."""
    figure = Figure(figsize=(WIDTH, height))
    figure.suptitle(title, y=1 - 0.1 / height, va="top")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _draw(axes: Axes, image: np.ndarray, look: dict[str, Any], place: tuple[float, float], size: float) -> None:
    center, top = place
    height, width = np.array(image.shape[:2]) * size / max(image.shape[:2])
    middle = top + size / 2
    extent = (center - width / 2, center + width / 2, middle + height / 2, middle - height / 2)
    axes.imshow(image, **look, extent=extent, aspect="auto", interpolation="nearest")


def _write(axes: Axes, text: str, center: float, top: float, weight: str = "normal") -> None:
    axes.text(center, top + 0.03, text, ha="center", va="top", fontsize=9, weight=weight)

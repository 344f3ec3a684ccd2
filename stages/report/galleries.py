"""Galleries of test images: the mistakes that the model is surest of, and the first images of each class."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.patches import Rectangle

from stages.data.images import Images
from stages.report.style import WIDTH, WRONG, shortened

# Inches. The images are eight and four dots a pixel at Fashion-MNIST's size, so that no pixel is wider than another.
TITLE = 0.7
LARGE, SMALL = 1.12, 0.56
LINE = 0.17  # of a caption
SPACE = 0.11  # between a caption and the next image
NAMES = 1.5  # room for the names of the classes


class Mistake(NamedTuple):
    """A test image that was taken for another class, in words."""

    index: int  # its position among the test images
    said: str  # the class it was taken for
    sure: str  # how surely
    truth: str

    def lines(self) -> tuple[str, str]:
        """What stands below it."""
        return f"{shortened(self.said)}? {self.sure}", f"truth: {shortened(self.truth)}"


def surest_mistakes(
    test: Images, predicted: np.ndarray, confidence: np.ndarray, most: int = 25
) -> tuple[str, list[Mistake]]:
    """How many mistakes there are, in words, and those that the model is surest of, the surest first.

    Args:
        test: the test images.
        predicted: the predicted class of each, int [n].
        confidence: the probability of that class, float [n].
        most: how many to name.
    """
    wrong = np.flatnonzero(predicted != test.labels)
    shown = wrong[np.argsort(-confidence[wrong], kind="stable")][:most]
    finding = f"{len(wrong):,} of {len(test.labels):,} test images misclassified"
    if len(shown) < len(wrong):
        finding += f";\nthe {len(shown)} it is surest of, {_percent(confidence[shown[-1]])} and above"
    mistakes = [
        Mistake(
            index=int(index),
            said=str(test.classes[predicted[index]]),
            sure=_percent(confidence[index]),
            truth=str(test.classes[test.labels[index]]),
        )
        for index in shown
    ]
    return finding, mistakes


def worst_mistakes(test: Images, predicted: np.ndarray, confidence: np.ndarray, side: int = 5) -> Figure:
    """The wrong answers that the model is surest of, the surest first.

    Args:
        test: the test images.
        predicted: the predicted class of each, int [n].
        confidence: the probability of that class, float [n].
        side: how many rows, and images in a row.
    """
    finding, mistakes = surest_mistakes(test, predicted, confidence, side * side)
    rows, row_height = -(-len(mistakes) // side), LARGE + 2 * LINE + SPACE
    how = shades(test)
    figure, axes = _paper(finding, TITLE + rows * row_height)
    for number, mistake in enumerate(mistakes):
        row, column = divmod(number, side)
        centre, top = WIDTH / side * (column + 0.5), TITLE + row * row_height
        _draw(axes, test.images[mistake.index], how, (centre, top), LARGE)
        answer, truth = mistake.lines()
        _write(axes, answer, centre, top + LARGE, weight="bold")
        _write(axes, truth, centre, top + LARGE + LINE)
    return figure


def examples(test: Images, predicted: np.ndarray, columns: int = 10) -> Figure:
    """The first test images of each class; what was taken for another class is framed, and that class named.

    Args:
        test: the test images.
        predicted: the predicted class of each, int [n].
        columns: images of each class.
    """
    right = predicted == test.labels  # [n]
    members = [np.flatnonzero(test.labels == number) for number in range(len(test.classes))]
    shown = np.concatenate([indices[:columns] for indices in members])
    finding = f"{np.sum(~right[shown])} of these {len(shown)} test images misclassified (framed)"
    row_height, how = SMALL + LINE + SPACE, shades(test)
    figure, axes = _paper(finding, TITLE + len(members) * row_height)
    for row, (name, indices) in enumerate(zip(test.classes, members, strict=True)):
        top = TITLE + row * row_height
        share = f"{right[indices].sum():,} of {len(indices):,} right" if len(indices) else "no test image"
        axes.text(NAMES, top + SMALL / 2, f"{shortened(name)}\n{share}", ha="right", va="center", fontsize=9)
        for column, index in enumerate(indices[:columns]):
            centre = NAMES + (WIDTH - NAMES) / columns * (column + 0.5)
            _draw(axes, test.images[index], how, (centre, top), SMALL)
            if not right[index]:
                axes.add_patch(Rectangle((centre - SMALL / 2, top), SMALL, SMALL, **WRONG))
                _write(axes, f"{shortened(test.classes[predicted[index]])}?", centre, top + SMALL)
    return figure


def shades(data: Images) -> dict[str, Any]:
    """How Matplotlib is to show these images where they are grey: light on black (as Fashion-MNIST) as dark on white.

    From 0 to 255, not between an image's own extremes: a faint one looks faint.
    """
    border = [data.images[:, edge] for edge in (0, -1)] + [data.images[:, :, edge] for edge in (0, -1)]
    on_black = np.median(np.concatenate(border, axis=None)) < 32
    return {"cmap": "gray_r" if on_black else "gray", "vmin": 0, "vmax": 255}


def image_png(image: np.ndarray, how: dict[str, Any]) -> bytes:
    """One image as a PNG file, a dot a pixel.

    Args:
        image: uint8 [height, width] or [height, width, 3].
        how: what `shades` says.
    """
    file = BytesIO()
    imsave(file, image, **how, format="png", metadata={"Software": None})
    return file.getvalue()


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.9995 else ">99.9%"  # it is never certain


def _paper(title: str, height: float) -> tuple[Figure, Axes]:
    """A figure of such a height, and axes that count inches from its upper left corner."""
    figure = Figure(figsize=(WIDTH, height))
    figure.suptitle(title, y=1 - 0.1 / height, va="top")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _draw(axes: Axes, image: np.ndarray, how: dict[str, Any], at: tuple[float, float], size: float) -> None:
    centre, top = at
    height, width = np.array(image.shape[:2]) * size / max(image.shape[:2])
    middle = top + size / 2
    extent = (centre - width / 2, centre + width / 2, middle + height / 2, middle - height / 2)
    axes.imshow(image, **how, extent=extent, aspect="auto", interpolation="nearest")


def _write(axes: Axes, text: str, centre: float, top: float, weight: str = "normal") -> None:
    axes.text(centre, top + 0.03, text, ha="center", va="top", fontsize=9, weight=weight)

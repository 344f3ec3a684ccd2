"""The galleries, with a few images of different greys, twice as wide as high."""

from io import BytesIO

import numpy as np
import pytest

from stages.data.images import Images
from stages.report.galleries import dark_on_white, examples, most_confident_mistakes, worst_mistakes
from stages.report.style import save_png, use_style
from tests.support.small import LABELS, TEST

WIDE = TEST._replace(images=TEST.images.repeat(2, axis=2))  # white on black: the number of an image is its grey


def numbers(axes) -> list[int]:
    """The images in a row; an empty place is like the first image."""
    return (255 - axes.images[0].get_array()[0, 1::6]).tolist()


def captions(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def test_the_most_confident_mistakes_come_first_with_answer_confidence_and_truth():
    predicted, confidence = np.array([1, 1, 0, 2, 2]), np.array([0.7, 0.9, 0.99, 0.99996, 1.0])
    figure = worst_mistakes(WIDE, predicted, confidence, columns=2)
    first, second = figure.axes
    assert (numbers(first), captions(first)) == ([3, 2], ["c? >99.9%\ntruth: a", "a? 99.0%\ntruth: b"])
    assert (numbers(second), captions(second)) == ([0, 0], ["b? 70.0%\ntruth: a"])
    assert not first.patches
    assert "3 of 5" in figure.get_suptitle()


def test_mistakes_with_equal_confidence_come_in_the_order_of_the_data():
    finding, mistakes = most_confident_mistakes(TEST, (LABELS + 1) % 3, np.array([0.5, 0.8, 0.8, 0.9, 0.8]), most=4)
    assert [mistake.index for mistake in mistakes] == [3, 1, 2, 4]
    assert all(number in finding for number in ("4", "5"))


def test_without_a_mistake_there_is_still_a_picture():
    figure = worst_mistakes(TEST, LABELS, np.ones(5))
    assert "0 of 5" in figure.get_suptitle()
    save_png(figure, BytesIO())


def test_examples_are_the_first_of_each_class_and_mistakes_have_a_frame_and_the_answer():
    use_style()
    test = WIDE._replace(labels=np.array([1, 1, 0, 1, 2]), classes=np.array(["a", "b", "c", "$_{$"]))  # not a formula
    figure = examples(test, predicted=np.array([1, 0, 0, 0, 2]), columns=2)
    a, b, c, d = figure.axes
    assert [numbers(axes) for axes in (a, b, c, d)] == [[2, 0], [0, 1], [4, 0], [0, 0]]
    shares = ["a\n1 of 1 right", "b\n1 of 3 right", "c\n1 of 1 right", "$_{$\nno test image"]
    assert [axes.get_ylabel() for axes in figure.axes] == shares
    assert "1 of these 4" in figure.get_suptitle()

    (frame,) = b.patches
    assert (frame.get_width(), frame.get_height()) == (4, 2)
    np.testing.assert_array_equal(frame.get_center(), (6 + 2.5, 0.5))
    assert b.get_xticks() == frame.get_center()[0]
    assert [captions(axes) for axes in (a, b, c, d)] == [[], ["a?"], [], []]
    save_png(figure, BytesIO())


RED = np.tile(np.array([255, 0, 0], np.uint8), (3, 4, 4, 1))


@pytest.mark.parametrize(
    ("images", "inverted"),
    [
        (np.full((3, 4, 4), 0, np.uint8), True),
        (np.full((3, 4, 4), 120, np.uint8), False),
        (np.full((3, 4, 4), 255, np.uint8), False),
        (RED // 255, False),
    ],
)
def test_only_grey_images_on_black_are_inverted(images: np.ndarray, inverted: bool):
    images[:, 1:3, 1:3] = 200
    shown = dark_on_white(Images(images, np.array([0, 1, 2]), TEST.classes), [2, 0])
    np.testing.assert_array_equal(shown, 255 - images[:2] if inverted else images[:2])


def test_color_images_keep_their_colors():
    data = Images(RED, np.array([0, 1, 2]), TEST.classes)
    for figure in (worst_mistakes(data, np.array([1, 2, 0]), np.ones(3)), examples(data, np.array([0, 1, 2]))):
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array()[:4, 1:5], RED[0])

"""The galleries, with a few images of different greys."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from stages.data.images import Images
from stages.report.galleries import colors, examples, image_png, worst_mistakes
from stages.report.style import save_png, use_style
from tests.support.small import LABELS, TEST


@pytest.fixture(autouse=True)
def style():
    use_style()


def drawn(figure) -> list[int]:
    """The images in the order in which they were drawn, by their grey."""
    return [int(image.get_array()[0, 0]) for image in figure.axes[0].images]


def written(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_most_confident_mistakes_come_first_with_answer_confidence_and_truth():
    predicted, confidence = np.array([1, 1, 0, 2, 2]), np.array([0.7, 0.9, 0.99, 0.99996, 1.0])
    figure = worst_mistakes(TEST, predicted, confidence)
    assert drawn(figure) == [3, 2, 0]
    assert written(figure) == ["c? >99.9%", "truth: a", "a? 99.0%", "truth: b", "b? 70.0%", "truth: a"]
    assert "3 of 5" in figure.get_suptitle()


def test_mistakes_with_equal_confidence_come_in_the_order_of_the_data():
    figure = worst_mistakes(TEST, (LABELS + 1) % 3, np.array([0.5, 0.8, 0.8, 0.9, 0.8]), side=2)
    assert drawn(figure) == [3, 1, 2, 4]
    assert all(number in figure.get_suptitle() for number in ("4", "5"))


def test_without_a_mistake_there_is_still_a_picture(tmp_path):
    figure = worst_mistakes(TEST, LABELS, np.ones(5))
    assert "0 of 5" in figure.get_suptitle()
    save_png(figure, tmp_path / "mistakes.png")


def test_examples_are_the_first_of_each_class_and_mistakes_have_a_frame_and_the_answer():
    four = Images(TEST.images, LABELS, np.array(["a", "b", "c", "$_{$"]))  # the last name is not a formula
    figure = examples(four, predicted=np.array([0, 2, 1, 0, 2]), columns=1)
    assert drawn(figure) == [0, 1, 4]
    assert written(figure) == ["a\n2 of 2 right", "b\n1 of 2 right", "c?", "c\n1 of 1 right", "$_{$\nno test image"]
    (frame,) = figure.axes[0].patches
    wrong = figure.axes[0].images[1].get_extent()  # left, right, bottom, top
    np.testing.assert_allclose(frame.get_bbox().extents, (wrong[0], wrong[3], wrong[1], wrong[2]))
    save_png(figure, BytesIO())


def test_images_keep_their_proportions():
    wide = Images(np.zeros((1, 2, 4), np.uint8), np.array([0]), np.array(["a"]))
    for figure in (worst_mistakes(wide, np.array([0]) - 1, np.ones(1)), examples(wide, np.array([0]))):
        left, right, bottom, top = figure.axes[0].images[0].get_extent()
        assert right - left == pytest.approx(2 * (bottom - top))


@pytest.mark.parametrize(("ground", "expected"), [(0, 1.0), (255, 1.0), (120, 120 / 255)])
def test_grey_images_on_black_become_dark_on_white_and_others_stay(ground: int, expected: float):
    images = np.full((3, 4, 4), ground, np.uint8)
    images[:, 1:3, 1:3] = 200
    data = Images(images, np.array([0, 1, 2]), TEST.classes)
    assert imread(BytesIO(image_png(images[0], colors(data))))[0, 0, 0] == pytest.approx(expected, abs=0.005)


def test_color_images_keep_their_colors():
    red = np.tile(np.array([255, 0, 0], np.uint8), (3, 4, 4, 1))
    data = Images(red, np.array([0, 1, 2]), TEST.classes)
    for figure in (worst_mistakes(data, np.array([1, 2, 0]), np.ones(3)), examples(data, np.array([0, 1, 2]))):
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), red[0])
    np.testing.assert_allclose(imread(BytesIO(image_png(red[0], colors(data))))[..., :3], red[0] / 255)

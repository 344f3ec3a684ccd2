"""The two pictures made of images, with four images that are told apart by their grey."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.image import imread

from stages.data.images import Images
from stages.report.galleries import examples, image_png, shades, worst_mistakes
from stages.report.style import save_png, use_style
from tests.support.small import HOW, LABELS, TEST


@pytest.fixture(autouse=True)
def style():
    use_style()


def drawn(figure) -> list[int]:
    """The images in the order in which they were drawn, by their grey."""
    return [int(image.get_array()[0, 0]) for image in figure.axes[0].images]


def written(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_worst_mistakes_come_surest_first_with_what_was_said_how_surely_and_the_truth():
    predicted, confidence = np.array([1, 1, 0, 2, 2]), np.array([0.7, 0.9, 0.99, 0.99996, 1.0])
    figure = worst_mistakes(TEST, predicted, confidence)
    assert drawn(figure) == [3, 2, 0]
    assert written(figure) == ["c? >99.9%", "truth: a", "a? 99.0%", "truth: b", "b? 70.0%", "truth: a"]
    assert figure.get_suptitle() == "3 of 5 test images misclassified"


def test_of_many_mistakes_the_surest_are_shown_and_equally_sure_ones_in_their_order():
    figure = worst_mistakes(TEST, (LABELS + 1) % 3, np.array([0.5, 0.8, 0.8, 0.9, 0.8]), side=2)
    assert drawn(figure) == [3, 1, 2, 4]
    assert figure.get_suptitle().startswith("5 of 5 test images misclassified;\nthe 4 it is surest of, 80.0%")


def test_without_a_mistake_there_is_a_picture_that_says_so(tmp_path):
    figure = worst_mistakes(TEST, LABELS, np.ones(5))
    assert figure.get_suptitle() == "0 of 5 test images misclassified"
    save_png(figure, tmp_path / "mistakes.png")


def test_examples_are_the_first_of_each_class_and_the_wrong_ones_are_framed_and_named():
    figure = examples(TEST, predicted=np.array([0, 2, 1, 0, 2]), columns=1)
    assert drawn(figure) == [0, 1, 4]
    assert written(figure) == ["a\n2 of 2 right", "b\n1 of 2 right", "c?", "c\n1 of 1 right"]
    (frame,) = figure.axes[0].patches
    wrong = figure.axes[0].images[1].get_extent()  # left, right, bottom, top
    np.testing.assert_allclose(frame.get_bbox().extents, (wrong[0], wrong[3], wrong[1], wrong[2]))
    assert figure.get_suptitle() == "1 of these 3 test images misclassified (framed)"


def test_an_image_by_itself_is_dark_on_white_a_dot_a_pixel_as_in_the_galleries():
    image = np.array([[0, 100, 255]], np.uint8)
    red, green, blue, _ = np.moveaxis(imread(BytesIO(image_png(image, HOW))), -1, 0)
    for colour in (red, green, blue):
        np.testing.assert_allclose(colour, 1 - image / 255, atol=0.005)
    assert b"Software" not in image_png(image, HOW)


def test_images_keep_their_proportions():
    wide = Images(np.zeros((1, 2, 4), np.uint8), np.array([0]), np.array(["a"]))
    for figure in (worst_mistakes(wide, np.array([0]) - 1, np.ones(1)), examples(wide, np.array([0]))):
        left, right, bottom, top = figure.axes[0].images[0].get_extent()
        assert right - left == pytest.approx(2 * (bottom - top))


def test_a_name_is_no_formula(tmp_path):
    prices = Images(TEST.images, LABELS, np.array(["$_{$", "$", "_{"]))
    save_png(examples(prices, (LABELS + 1) % 3), tmp_path / "examples.png")
    save_png(worst_mistakes(prices, (LABELS + 1) % 3, np.ones(5)), tmp_path / "mistakes.png")


def test_a_class_without_a_test_image_keeps_its_row():
    figure = examples(Images(TEST.images, LABELS, np.array(["a", "b", "c", "d"])), LABELS)
    assert written(figure)[-1] == "d\nno test image"


@pytest.mark.parametrize(("ground", "shown"), [(0, "gray_r"), (255, "gray"), (120, "gray")])
def test_grey_images_on_black_are_shown_dark_on_white_and_others_as_they_are(ground: int, shown: str):
    images = np.full((3, 4, 4), ground, np.uint8)
    images[:, 1:3, 1:3] = 200
    data = Images(images, np.array([0, 1, 2]), TEST.classes)
    assert shades(data)["cmap"] == shown
    for figure in (worst_mistakes(data, np.array([1, 2, 0]), np.ones(3)), examples(data, np.array([0, 1, 2]))):
        assert {image.get_cmap().name for image in figure.axes[0].images} == {shown}


def test_images_in_colour_are_shown_in_their_colours():
    red = np.tile(np.array([255, 0, 0], np.uint8), (3, 4, 4, 1))
    data = Images(red, np.array([0, 1, 2]), TEST.classes)
    for figure in (worst_mistakes(data, np.array([1, 2, 0]), np.ones(3)), examples(data, np.array([0, 1, 2]))):
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), red[0])
    np.testing.assert_allclose(imread(BytesIO(image_png(red[0], shades(data))))[..., :3], red[0] / 255)


def test_a_name_without_room_keeps_both_of_its_ends():
    data = Images(TEST.images, LABELS, np.array(["Ankle boot", "a class with a rather long name", "c"]))
    assert written(examples(data, LABELS, columns=1))[1].startswith("a class w…ong name\n")
    assert written(examples(data, LABELS, columns=1))[0].startswith("Ankle boot\n")

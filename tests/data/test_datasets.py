"""Fashion-MNIST, its sample, the split, and duplicates."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from stages.base.errors import UserError
from stages.data.datasets import head, sample, split
from stages.prepare import also_among


def test_fashion_mnist_is_what_keras_documents_for_load_data(real_data):
    for part, count in ((real_data.train, 60_000), (real_data.test, 10_000)):
        assert part.images.shape == (count, 28, 28)
        assert part.images.dtype == part.labels.dtype == np.uint8
        assert part.images.max() == 255
        assert np.bincount(part.labels).tolist() == [count // 10] * 10
    assert real_data.train.classes.tolist()[9] == "Ankle boot"
    assert real_data.train.labels[:5].tolist() == [9, 0, 0, 3, 0]


def test_the_sample_is_the_beginning_of_the_original_files(real_data, sample_data):
    for name, count in (("train", 6_000), ("test", 1_000)):
        for array, first in zip(getattr(sample_data, name), head(getattr(real_data, name), count), strict=True):
            np.testing.assert_array_equal(array, first)


def test_a_missing_sample_is_refused_with_the_command_that_restores_it(workspace):
    (workspace / "data/sample").unlink()
    with pytest.raises(UserError, match=r"^data/sample: .*git checkout"):
        sample()


def test_the_split_is_that_of_the_notes(real_data):
    images = real_data.train.images
    theirs = train_test_split(images, test_size=0.2, random_state=42)
    for rows, expected in zip(split(60_000, 0.2, 42), theirs, strict=True):
        np.testing.assert_array_equal(images[rows], expected)


def test_duplicates_are_found_each_with_the_first_equal_image_of_the_others():
    images = np.array([[1], [2], [2], [3]], np.uint8)
    assert also_among(images, np.array([[4], [5]], np.uint8)) == []
    assert also_among(images, np.array([[2], [5], [3], [2]], np.uint8)) == [(1, 0), (2, 0), (3, 2)]

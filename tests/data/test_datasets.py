"""Fashion-MNIST, its sample, and the split."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from stages.base.errors import UserError
from stages.data.datasets import head, sample, split


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
    labels = real_data.train.labels
    theirs = train_test_split(labels, test_size=0.2, random_state=42)
    for rows, expected in zip(split(60_000, 0.2, 42), theirs, strict=True):
        np.testing.assert_array_equal(labels[rows], expected)

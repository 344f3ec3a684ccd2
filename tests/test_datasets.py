import numpy as np
from sklearn.model_selection import train_test_split

from stages.core.datasets import digits, first, split


def test_fashion_mnist_is_what_load_data_returns(real_data):
    # shapes, dtypes and label counts that Keras documents for fashion_mnist.load_data()
    for part, count in ((real_data.train, 60_000), (real_data.test, 10_000)):
        assert part.images.shape == (count, 28, 28)
        assert part.images.dtype == part.labels.dtype == np.uint8
        assert part.images.max() == 255
        assert np.bincount(part.labels).tolist() == [count // 10] * 10
    assert real_data.train.classes.tolist()[9] == "Ankle boot"
    assert real_data.train.labels[:5].tolist() == [9, 0, 0, 3, 0]


def test_the_split_is_the_notes_own_on_the_real_files(real_data):
    train, val, train_labels, val_labels = train_test_split(
        real_data.train.images / 255.0, real_data.train.labels, test_size=0.2, random_state=42
    )
    ours_train, ours_val = split(real_data.train, 0.2, 42)
    for ours, theirs, labels in ((ours_train, train, train_labels), (ours_val, val, val_labels)):
        np.testing.assert_array_equal(ours.images / 255.0, theirs)
        np.testing.assert_array_equal(ours.labels, labels)


def test_digits_use_the_whole_range_of_a_pixel():
    data = digits()
    images = np.concatenate([data.train.images, data.test.images])
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert data.train.classes.tolist() == list("0123456789")
    assert set(data.test.labels) == set(range(10))


def test_limit_takes_the_first_images():
    data = digits().train
    assert len(first(data, 7).labels) == 7
    np.testing.assert_array_equal(first(data, 7).images, data.images[:7])
    np.testing.assert_array_equal(first(data, None).images, data.images)

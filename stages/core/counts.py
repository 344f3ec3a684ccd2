"""How many images there are: what metrics/data.json says, held against the test images, and classes without any."""

from pathlib import Path
from typing import Any

import numpy as np

from stages.core.artifacts import load_json, unusable
from stages.core.images import Images

DATA = Path("metrics/data.json")
COUNTS = ("classes", "train", "val", "test", "test_in_training", "left_out")


def classes_without(data: Images) -> list[str]:
    """The classes of which there is no image."""
    counts = np.bincount(data.labels, minlength=len(data.classes))  # [classes]
    return data.classes[counts == 0].tolist()


def counted(test: Images) -> dict[str, Any]:
    """The name of the data set, and how many there are of its classes, its images, and of what is odd about them.

    And of how many test images the most frequent class is, `most_frequent`, and the names of those of none, `untested`.

    Raises:
        UserError: metrics/data.json is of other images.
    """
    data = load_json(DATA, "dataset", *COUNTS)
    if (data["classes"], data["test"]) != (len(test.classes), len(test.labels)):
        raise unusable(DATA, "its images are not those of data/prepared/test.npz")
    if wrong := [name for name in COUNTS if not isinstance(data[name], int)]:
        raise unusable(DATA, f"{wrong[0]} is no number: {data[wrong[0]]!r}")
    return data | {"most_frequent": int(np.bincount(test.labels).max()), "untested": classes_without(test)}

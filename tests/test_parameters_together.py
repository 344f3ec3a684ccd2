"""Whatever passes the checks of params.yaml runs, and a split that leaves no image does not pass them."""

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from stages import evaluate, plot, prepare, train
from stages.base.params import IMAGES
from stages.data.datasets import split
from tests.support.workspace import params, run_stages

SMALLEST = {"limit": 2, "val_size": 0.5, "batch_size": 1, "hidden_units": 1, "dropout": 0, "patience": 1}
EXTREME = {"limit": 40, "batch_size": 10**30, "learning_rate": 5e-324, "dropout": 1 - 2**-53, "min_delta": 1e9}
LAST = {"limit": 7, "monitor": "accuracy", "patience": None, "save_best_only": False, "restore_best_weights": False}


@pytest.mark.trains
@pytest.mark.parametrize("values", [SMALLEST, EXTREME, LAST])
def test_extreme_values_run(workspace: Path, values: dict):
    run_stages(workspace, prepare, train, evaluate, plot, epochs=2, seed=2**32 - 1, **values)


@pytest.mark.parametrize("val_size", [1e-300, 0.01, 0.2, 1 / 3, 0.5, 0.9, 0.99, 1 - 2**-53])
def test_the_check_knows_what_the_split_leaves(val_size: float):
    for limit in range(2, 200):
        values = {"dataset": "sample", "val_size": val_size, "limit": limit}
        for_validation = math.ceil(val_size * limit)
        if for_validation == limit:
            with pytest.raises(ValidationError, match="val_size"):
                params(**values)
        else:
            params(**values)
            assert [len(part) for part in split(limit, val_size, 0)] == [limit - for_validation, for_validation]


@pytest.mark.trains
def test_the_check_knows_the_sizes_of_the_data_sets(real_data, sample_data):
    assert {"fashion_mnist": len(real_data.train.labels), "sample": len(sample_data.train.labels)} == IMAGES

"""The smallest and the largest valid parameters run, and wrong ones reach no stage."""

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages import evaluate, plot, prepare, train
from stages.base.errors import UserError
from stages.base.params import PARAMS_FILE, Params, read_params
from stages.data.datasets import split
from tests.support.workspace import params, run_stages

ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(st.sampled_from([*Params.model_fields]) | st.text(), ANYTHING, min_size=1, max_size=3))
def test_wrong_parameters_reach_no_stage(workspace: Path, changes: dict):
    PARAMS_FILE.write_text(yaml.safe_dump(params().model_dump() | changes, allow_unicode=True), encoding="utf-8")
    try:
        read_params()
    except UserError:
        with pytest.raises(UserError, match=r"\Aparams\.yaml: [^\n]+\Z"):
            prepare.main()
        assert {path.name for path in workspace.iterdir()} == {"params.yaml", "data"}


SMALLEST = {
    "limit": 2, "val_size": 0.5, "batch_size": 1, "hidden_units": 1, "dropout": 0, "monitor": "accuracy",
    "patience": None, "save_best_only": False, "restore_best_weights": False,
}  # fmt: skip
LARGEST = {"limit": 40, "batch_size": 10**30, "learning_rate": 5e-324, "dropout": 1 - 2**-53, "min_delta": 1e9}


@pytest.mark.trains
@pytest.mark.parametrize("values", [SMALLEST, LARGEST])
def test_extreme_values_run(workspace: Path, values: dict):
    run_stages(workspace, prepare, train, evaluate, plot, epochs=2, seed=2**32 - 1, **values)


@pytest.mark.parametrize("val_size", [1e-300, 0.01, 0.2, 1 / 3, 0.5, 0.9, 0.99, 1 - 2**-53])
def test_a_split_leaves_an_image_for_training_or_is_refused(val_size: float):
    for images in range(2, 200):
        for_validation = math.ceil(val_size * images)
        if for_validation == images:
            with pytest.raises(UserError, match="val_size"):
                split(images, val_size, 0)
        else:
            assert [len(part) for part in split(images, val_size, 0)] == [images - for_validation, for_validation]

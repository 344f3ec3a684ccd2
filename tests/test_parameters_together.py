"""Whatever passes the checks of params.yaml runs, and whatever does not pass them reaches no stage."""

import math
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stages import evaluate, plot, prepare, train
from stages.base.errors import UserError
from stages.base.params import OF_A_FOLDER, PARAMS_FILE, Params, read_params
from stages.data.datasets import split
from tests.support.workspace import params, run_stages

MOST = {"limit": 200, "hidden_units": 30, "batch_size": 200, "epochs": 2}  # larger values take long
NOT_VARIED = {"dataset", "network", *OF_A_FOLDER}


def strategy(schema: dict, most: int | None = None) -> st.SearchStrategy:
    """Return the values that the schema of a parameter allows."""
    low, high = schema.get("ge", schema.get("gt")), schema.get("le", schema.get("lt"))
    if "anyOf" in schema:
        return st.one_of([strategy(each, most) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(low, most or (high and high - 1))
        case "number":
            return st.floats(low, high, exclude_min="gt" in schema, exclude_max="lt" in schema, allow_infinity=False)
    raise NotImplementedError(schema)


SCHEMAS = Params.model_json_schema()["properties"]  # so that a new parameter is varied too
VALUES = st.fixed_dictionaries(
    {name: strategy(schema, MOST.get(name)) for name, schema in SCHEMAS.items() if name not in NOT_VARIED}
)
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
EXAMPLES = int(os.environ.get("EXAMPLES", "2"))  # more of them by hand: EXAMPLES=100 pytest ...
GENERATED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking would run the stages for minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def error_of(values: dict) -> str | None:
    """Write values to params.yaml; return the error when it is read, or None."""
    PARAMS_FILE.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    try:
        read_params()
    except UserError as error:
        return str(error)
    return None


@pytest.mark.trains
@GENERATED
@given(values=VALUES)
def test_whatever_passes_the_checks_runs(workspace: Path, values: dict):
    if error := error_of(params().model_dump() | {"dataset": "sample"} | values):
        assert len(error.splitlines()) == 1
        return
    try:
        for stage in (prepare, train, evaluate, plot):
            stage.main()
    except UserError as error:
        if "learning_rate" not in str(error):  # a loss may overflow
            raise


@settings(GENERATED, max_examples=max(50, EXAMPLES))
@given(changes=st.dictionaries(st.sampled_from(list(SCHEMAS)) | st.text(), ANYTHING, min_size=1, max_size=3))
def test_whatever_does_not_pass_reaches_no_stage(workspace: Path, changes: dict):
    if error := error_of(params().model_dump() | changes):
        assert len(error.splitlines()) == 1
        with pytest.raises(UserError, match=r"^params\.yaml: "):
            prepare.main()
        assert {path.name for path in workspace.iterdir()} == {"params.yaml", "data"}


SMALLEST = {"limit": 2, "val_size": 0.5, "batch_size": 1, "hidden_units": 1, "dropout": 0, "patience": 1}
EXTREME = {"limit": 40, "batch_size": 10**30, "learning_rate": 5e-324, "dropout": 1 - 2**-53, "min_delta": 1e9}
LAST = {"limit": 7, "monitor": "accuracy", "patience": None, "save_best_only": False, "restore_best_weights": False}


@pytest.mark.trains
@pytest.mark.parametrize("values", [SMALLEST, EXTREME, LAST])
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

"""Whatever params.yaml says: the checks end it with one line, or the stages run."""

import math
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stages import evaluate, plot, prepare, train
from stages.base.errors import UserError
from stages.base.params import IMAGES, PARAMS_FILE, Params, read_params
from stages.data.datasets import split
from tests.support.workspace import params

VALID = params().model_dump()
OF_THE_SAMPLE = VALID | {"dataset": "sample", "epochs": 1}
SEEDS = st.integers(0, 2**32 - 1)

RIGHT = st.fixed_dictionaries(
    {
        "val_size": st.floats(0, 1, exclude_min=True, exclude_max=True),
        "split_seed": SEEDS,
        "limit": st.integers(2, 200),
        "hidden_units": st.integers(1, 30),
        "dropout": st.floats(0, 1, exclude_max=True),
        "optimizer": st.sampled_from(["sgd", "adam", "adamw", "nadam", "rmsprop"]),
        "learning_rate": st.floats(0, exclude_min=True, allow_infinity=False),
        "batch_size": st.integers(1, 200),
        "epochs": st.integers(1, 3),
        "lr_patience": st.none() | st.integers(1, 4),
        "lr_factor": st.floats(0, 1, exclude_min=True, exclude_max=True),
        "seed": SEEDS,
        "monitor": st.sampled_from(["loss", "accuracy", "val_loss", "val_accuracy"]),
        "patience": st.none() | st.integers(1, 5),
        "min_delta": st.floats(0, 1e9),
        "restore_best_weights": st.booleans(),
        "save_best_only": st.booleans(),
    }
).filter(lambda values: not values["patience"] or (values["lr_patience"] or 0) < values["patience"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EXAMPLES = int(os.environ.get("EXAMPLES", "1"))  # more of them by hand: EXAMPLES=100 pytest ...
FEW = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # shrinking would run the stages for minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
MANY = settings(FEW, max_examples=max(50, EXAMPLES), phases=tuple(Phase))


def dump(values: object) -> None:
    PARAMS_FILE.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")


def error_of_the_file() -> str | None:
    """Return the error for the file, or None if it passes."""
    try:
        read_params()
    except UserError as error:
        return str(error)
    return None


def assert_one_line(error: str) -> None:
    assert error.startswith("params.yaml: ")
    assert len(error.splitlines()) == 1


@pytest.mark.trains
@FEW
@example({"limit": 2, "val_size": 0.5, "batch_size": 1})
@example({"limit": 40, "batch_size": 10**30, "learning_rate": 5e-324, "dropout": 1 - 2**-53})
@given(values=RIGHT)
def test_whatever_passes_the_checks_runs(workspace: Path, values: dict):
    dump(OF_THE_SAMPLE | values)
    if error := error_of_the_file():
        assert_one_line(error)
        return
    try:
        for stage in (prepare, train, evaluate, plot):
            stage.main()
    except UserError as error:
        if "lower learning_rate" not in str(error) or (values["learning_rate"] < 1 and values["dropout"] < 0.99):
            raise


@MANY
@given(changes=st.dictionaries(st.sampled_from(list(VALID)) | st.text(), ANYTHING, min_size=1, max_size=3))
def test_whatever_does_not_pass_reaches_no_stage(workspace: Path, changes: dict):
    dump(VALID | changes)
    if error := error_of_the_file():
        assert_one_line(error)
        with pytest.raises(UserError, match=r"^params\.yaml: "):
            prepare.main()
        assert {path.name for path in workspace.iterdir()} == {"params.yaml", "data"}


@MANY
@given(contents=st.binary() | st.text().map(str.encode))
@example(b"a: &a [*a]")
@example(b"? [1]\n: 2")
@example(b"!!python/object/apply:os.system [exit 3]")
def test_no_params_yaml_is_too_odd_for_one_line(workspace: Path, contents: bytes):
    PARAMS_FILE.write_bytes(contents)
    assert_one_line(error_of_the_file())


@MANY
@given(values=RIGHT)
def test_the_check_knows_what_the_split_leaves(values: dict):
    values = OF_THE_SAMPLE | values
    for_validation = math.ceil(values["val_size"] * values["limit"])
    if for_validation == values["limit"]:
        with pytest.raises(ValidationError, match="val_size: must leave an image for training"):
            Params(**values)
        with pytest.raises(ValueError, match="train set will be empty"):
            split(values["limit"], values["val_size"], 0)
    else:
        train, val = split(values["limit"], values["val_size"], 0)
        assert (len(train), len(val)) == (values["limit"] - for_validation, for_validation)
        Params(**values)


@pytest.mark.trains
def test_the_check_knows_the_sizes_of_the_data_sets(real_data, sample_data):
    assert {"fashion_mnist": len(real_data.train.labels), "sample": len(sample_data.train.labels)} == IMAGES

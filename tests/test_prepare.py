"""check and prepare, in one process, without DVC."""

import json
from pathlib import Path

import numpy as np
import pytest

from stages import check, prepare
from stages.core.errors import UserError
from stages.core.images import load_images
from tests.conftest import read_json, run_stages, write_params


def test_check_writes_the_same_schema_whatever_the_values(workspace):
    run_stages(workspace, check)
    before = Path("data/params.schema.json").read_bytes()
    run_stages(workspace, check, dropout=0.5, patience=None)
    assert Path("data/params.schema.json").read_bytes() == before
    assert set(json.loads(before)["properties"]) >= {"dropout", "patience"}


def test_check_refuses_and_leaves_the_schema(workspace):
    run_stages(workspace, check)
    with pytest.raises(UserError, match="dropout"):
        run_stages(workspace, check, dropout=2)
    assert Path("data/params.schema.json").exists()


def test_prepare_splits_and_counts(workspace):
    run_stages(workspace, prepare, val_size=0.25)
    parts = {name: load_images(Path(f"data/prepared/{name}.npz")) for name in ("train", "val", "test")}
    counts = {name: len(part.labels) for name, part in parts.items()}
    assert read_json("metrics/data.json") == {"dataset": "digits", "classes": 10, **counts}
    assert counts["val"] == np.ceil(0.25 * (counts["train"] + counts["val"]))
    assert all(part.images.dtype == np.uint8 for part in parts.values())


def test_prepare_with_a_limit_makes_a_smoke_run(workspace, real_data):
    write_params(workspace, dataset="fashion_mnist", limit=100)
    prepare.main()
    assert read_json("metrics/data.json") == {
        "dataset": "fashion_mnist", "classes": 10, "train": 80, "val": 20, "test": 100,
    }  # fmt: skip

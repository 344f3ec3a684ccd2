"""check and prepare, in one process, without DVC."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from stages import check, prepare
from stages.core.artifacts import load_images
from stages.core.errors import DataUnreachable, UserError
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


def test_prepare_never_uses_a_wrong_raw_file(workspace, monkeypatch, real_data, caplog):
    raw = workspace / "data/raw"
    raw.mkdir()
    for source in Path(os.environ["FASHION_MNIST_DIR"]).glob("*.gz"):
        shutil.copyfile(source, raw / source.name)
    damaged = raw / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    monkeypatch.delenv("FASHION_MNIST_DIR")
    registry = workspace / "data/fashion_mnist.yaml"
    registry.write_text(re.sub("https?://", "http://127.0.0.1:9/", registry.read_text()))  # nobody listens there
    monkeypatch.setattr("stages.core.fetch.ATTEMPTS_AGAIN", 0)
    write_params(workspace, dataset="fashion_mnist")
    with pytest.raises(DataUnreachable, match=r"t10k-labels-idx1-ubyte\.gz: in none of data/raw"):
        prepare.main()
    assert "data/raw/t10k-labels-idx1-ubyte.gz: not used" in caplog.text
    assert not Path("data/prepared").exists()

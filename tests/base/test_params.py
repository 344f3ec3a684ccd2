from itertools import pairwise
from pathlib import Path

from stages.base.params import Params, read_params
from tests.support.workspace import ROOT


def test_the_committed_parameters_are_those_of_the_notes_last_training():
    params = read_params(ROOT / "params.yaml")
    assert params == Params(
        dataset="fashion_mnist",
        image_dir="data/examples",
        image_size=28,
        color_mode="grayscale",
        test_size=0.2,
        skip_unreadable=False,
        val_size=0.2,
        split_seed=42,
        limit=None,
        network="dense",
        hidden_units=100,
        dropout=0.3,
        optimizer="adam",
        learning_rate=0.001,
        batch_size=32,
        epochs=20,
        lr_patience=None,
        lr_factor=0.5,
        seed=42,
        monitor="val_loss",
        patience=2,
        min_delta=0,
        restore_best_weights=True,
        save_best_only=True,
    )


def test_every_parameter_has_a_comment_above_it():
    lines = (ROOT / "params.yaml").read_text(encoding="utf-8").splitlines()
    commented = [
        key.split(":")[0] for comment, key in pairwise(lines) if comment.startswith("# ") and key[:1].isalpha()
    ]
    assert sorted(commented) == sorted(Params.model_fields)


def test_an_empty_value_as_dvc_writes_it_is_none(tmp_path: Path):
    text = (
        (ROOT / "params.yaml").read_text().replace("patience: 2\n", "patience: ''\n").replace("limit:\n", "limit: ''\n")
    )
    (tmp_path / "params.yaml").write_text(text)
    params = read_params(tmp_path / "params.yaml")
    assert (params.patience, params.limit) == (None, None)


def test_numbers_as_dvc_writes_them_are_read(tmp_path: Path):
    (tmp_path / "params.yaml").write_text(
        (ROOT / "params.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1e-05")
    )
    assert read_params(tmp_path / "params.yaml").learning_rate == 1e-5  # PyYAML reads a string


def test_an_empty_patience_means_no_early_stopping(tmp_path: Path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("patience: 2", "patience:"))
    assert read_params(tmp_path / "params.yaml").patience is None

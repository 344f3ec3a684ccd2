from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from stages.core.errors import UserError
from stages.core.params import Params, read_params
from tests.conftest import ROOT, write_params


def test_the_committed_parameters_are_those_of_the_notes_last_training():
    params = read_params(ROOT / "params.yaml")
    assert params == Params(
        dataset="fashion_mnist",
        val_size=0.2,
        split_seed=42,
        limit=None,
        hidden_units=100,
        dropout=0.3,
        optimizer="adam",
        learning_rate=0.001,
        batch_size=32,
        epochs=20,
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dropout": 1.5}, "dropout: must be less than 1, got 1.5"),
        ({"dropout": 1.0}, "dropout: must be less than 1, got 1.0"),
        ({"dropout": -0.1}, "dropout: must be greater than or equal to 0, got -0.1"),
        ({"dropout": False}, "dropout: must be a number, got False"),
        ({"dropout": "much"}, "dropout: must be a valid number, unable to parse string as a number, got 'much'"),
        ({"dropout": [0.1]}, "dropout: must be a valid number, got [0.1]"),
        ({"dropout": float("nan")}, "dropout: must be a finite number, got nan"),
        ({"dropout": None}, "dropout: must be a valid number, got None"),
        ({"patience": 0}, "patience: must be greater than or equal to 1, got 0"),
        ({"patience": 2.5}, "patience: must be a valid integer, got a number with a fractional part, got 2.5"),
        ({"epochs": True}, "epochs: must be a number, got True"),
        ({"epochs": 1e99}, "epochs: Unable to parse input string as an integer, exceeded maximum size, got 1e+99"),
        ({"seed": -1}, "seed: must be greater than or equal to 0, got -1"),
        ({"seed": 2**64}, "seed: must be less than 4294967296, got 18446744073709551616"),
        ({"val_size": 1}, "val_size: must be less than 1, got 1"),
        ({"restore_best_weights": "yes"}, "restore_best_weights: must be a valid boolean, got 'yes'"),
        ({"monitor": "val_los"}, "monitor: must be 'loss', 'accuracy', 'val_loss' or 'val_accuracy', got 'val_los'"),
        ({"dropuot": 0.3}, "unknown key dropuot, did you mean dropout?"),
        ({"dropout": 2, "epochs": 0}, "dropout: must be less than 1, got 2; epochs: must be greater than or equal"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(tmp_path: Path, change, message):
    write_params(tmp_path, **change)
    with pytest.raises(UserError) as refused:
        read_params(tmp_path / "params.yaml")
    assert f"params.yaml: {message}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_key_is_named(tmp_path: Path):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    del params["dropout"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(UserError, match="dropout is missing"):
        read_params(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["", "[1, 2]", "dropout: {", "just text"])
def test_what_is_no_mapping_is_refused_in_one_line(tmp_path: Path, text: str):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml: ") as refused:
        read_params(tmp_path / "params.yaml")
    assert "\n" not in str(refused.value)


def test_an_absent_file_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read"):
        read_params(tmp_path / "params.yaml")


def test_numbers_as_dvc_writes_them_are_read(tmp_path: Path):
    (tmp_path / "params.yaml").write_text(
        (ROOT / "params.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1e-05")
    )
    assert read_params(tmp_path / "params.yaml").learning_rate == 1e-5  # PyYAML reads a string


def test_an_empty_patience_means_no_early_stopping(tmp_path: Path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text().replace("patience: 2", "patience:"))
    assert read_params(tmp_path / "params.yaml").patience is None

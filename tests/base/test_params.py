"""params.yaml as people and DVC write it."""

from pathlib import Path

import pytest

from stages.base.params import read_params, written
from tests.support.workspace import write_params


def test_values_as_dvc_writes_them_are_read(tmp_path: Path):
    """PyYAML reads 1e-05 as a string; `-S patience=null` writes an empty value, `-S limit=` an empty string."""
    write_params(tmp_path, learning_rate="1e-05", patience=None, limit="", lr_patience=None)
    read = read_params(tmp_path / "params.yaml")
    assert (read.learning_rate, read.patience, read.limit, read.lr_patience) == (1e-5, None, None, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1e-05, "1e-05"), (1 / 3, str(1 / 3)), (20, "20"), (True, "true"), (None, "none"), ("Adam", "Adam")],
)
def test_values_are_written_as_in_params_yaml(value: object, text: str):
    assert written(value) == text

import json
from pathlib import Path

import pytest

from stages.core.artifacts import load_csv, save_csv, save_json


def test_a_table_keeps_every_digit(tmp_path: Path):
    save_csv(tmp_path / "table.csv", ["epoch", "loss"], [(1, 0.1 + 0.2)])
    assert (tmp_path / "table.csv").read_bytes() == b"epoch,loss\n1,0.30000000000000004\n"
    assert load_csv(tmp_path / "table.csv", {"loss": float}) == [{"loss": 0.1 + 0.2}]


def test_json_refuses_what_is_no_number(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON compliant"):
        save_json(tmp_path / "metrics.json", {"loss": float("nan")})
    save_json(tmp_path / "metrics.json", {"loss": 0.5})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"loss": 0.5}

"""The files that stages hand to each other."""

import json
from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.base.files import Written, leaves, load, load_csv, save_csv, save_json


def test_a_table_keeps_every_digit(tmp_path: Path):
    save_csv(tmp_path / "table.csv", ["epoch", "loss"], [(1, 0.1 + 0.2)])
    assert (tmp_path / "table.csv").read_bytes() == b"epoch,loss\n1,0.30000000000000004\n"
    assert load_csv(tmp_path / "table.csv", {"loss": float}) == [{"loss": 0.1 + 0.2}]


def test_json_refuses_what_is_no_number(tmp_path: Path):
    with pytest.raises(ValueError, match="JSON compliant"):
        save_json(tmp_path / "metrics.json", {"loss": float("nan")})
    save_json(tmp_path / "metrics.json", {"loss": 0.5})
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"loss": 0.5}


class Measured(Written):
    loss: float
    best: int | None
    parts: dict[str, float]


def test_what_a_schema_writes_it_reads_and_in_the_order_of_its_fields(tmp_path: Path):
    measured = Measured(loss=0.1 + 0.2, best=None, parts={"b": 1.5, "a": 2.5})
    save_json(tmp_path / "a.json", measured.model_dump())
    assert load(tmp_path / "a.json", Measured) == measured
    assert list(json.loads((tmp_path / "a.json").read_text())) == ["loss", "best", "parts"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"best": 1, "parts": {}}', "cannot be used: loss is missing"),
        (
            '{"loss": 1, "best": "1", "parts": {}}',
            "cannot be used: best: must be a whole number or empty (null), got '1'",
        ),
        ('{"loss": 1, "best": 1, "parts": {"a": "x"}}', "cannot be used: parts.a: must be a number, got 'x'"),
        ("[]", "cannot be used: not a mapping"),
        ("{", "cannot be used: Expecting"),
    ],
)
def test_a_file_of_something_else_is_refused_with_what_makes_it_again(tmp_path: Path, text: str, says: str):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError) as error:
        load(tmp_path / "a.json", Measured)
    assert says in str(error.value)
    assert str(error.value).endswith("; to make it: dvc repro")
    with pytest.raises(UserError, match=r"b\.json: not there; to make it: dvc repro"):
        load(tmp_path / "b.json", Measured)


def test_values_in_nested_mappings_and_lists_have_the_names_that_dvc_shows():
    values = {"test": {"loss": 1, "per_class": {"Bag": {"f1": 0.5}}}, "layers": ["a", {"rate": 0.3}]}
    assert dict(leaves(values)) == {"test.loss": 1, "test.per_class.Bag.f1": 0.5, "layers.0": "a", "layers.1.rate": 0.3}

"""YAML files that people edit: what is wrong in one is said in one line."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from stages.base.errors import UserError
from stages.base.yaml_files import checked, load_mapping, read_value, read_yaml


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dropout: float
    epochs: int


def test_a_right_file_is_read(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("dropout: 0.3\nepochs: 5\n")
    assert read_yaml(tmp_path / "a.yaml", Model) == Model(dropout=0.3, epochs=5)


def test_every_wrong_value_is_named_in_one_line_with_the_place():
    with pytest.raises(UserError) as error:
        checked({"dropout": "much", "epochs": 2.5, "epocs": 1}, Model, "here")
    assert str(error.value) == (
        "here: dropout: must be a number, got 'much'; epochs: must be a whole number, got 2.5; "
        "unknown key 'epocs', did you mean epochs?"
    )


@pytest.mark.parametrize(("text", "says"), [("[1", "cannot be read"), ("- 1\n", "must be a mapping"), ("", "got None")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str, says: str):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=says):
        load_mapping(tmp_path / "a.yaml")


def test_a_value_is_read_as_it_would_stand_in_a_file():
    assert [read_value(text, "x") for text in ("null", "0.5", "true", "adam")] == [None, 0.5, True, "adam"]
    with pytest.raises(UserError, match=r"^x: must be a value, got '\['$"):
        read_value("[", "x")

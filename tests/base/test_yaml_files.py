"""One line names every mistake in a YAML file."""

from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.base.yaml_files import Checked, checked, read_yaml


class Model(Checked):
    dropout: float
    epochs: int
    patience: int | None = None


def test_a_valid_file_is_read(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("dropout: 0.3\nepochs: 5\n")
    assert read_yaml(tmp_path / "a.yaml", Model) == Model(dropout=0.3, epochs=5)


def test_one_line_names_each_mistake_with_the_expected_and_the_received_value():
    with pytest.raises(UserError, match=r"^here: dropout.*much.*; epochs.*; patience.*2\.5.*; .*mean epochs.*; .*7.*$"):
        checked({"dropout": "much\n", "epocs\n": 1, "patience": 2.5, 7: 1}, Model, "here")


CONTENTS = [
    None, b"", b"[1", b"- 1\n", b"a: 2024-13-45", b"\xff\xfe\x00", b"? [1]\n: 2",
    b"!!python/object/apply:os.system [exit 3]",
]  # fmt: skip


@pytest.mark.parametrize("contents", CONTENTS, ids=lambda contents: str(contents)[:15])
def test_a_file_that_is_missing_or_not_a_mapping_is_one_line(tmp_path: Path, contents: bytes | None):
    if contents is not None:
        (tmp_path / "a.yaml").write_bytes(contents)
    with pytest.raises(UserError, match=r"^[^\n]*a\.yaml: [^\n]+$") as error:
        read_yaml(tmp_path / "a.yaml", Model)
    assert len(str(error.value)) < 500

"""The files that stages write and read."""

import json
from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.base.files import JsonFile, files_below, load_csv, load_json, save_csv, save_json


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def test_files_are_listed_at_any_depth_in_order_without_hidden_names():
    make("b/deep/er/1", *(f"b/{name}" for name in "52413"), "a/3", "a/.hidden", ".git/a/1")
    assert [path.as_posix() for path in files_below(Path())] == ["a/3", *(f"b/{n}" for n in range(1, 6)), "b/deep/er/1"]


@pytest.mark.parametrize("link", ["mine/c", "mine/a/deep/er"])
def test_a_link_to_a_folder_is_refused_and_a_link_to_a_file_is_listed(link: str):
    make("mine/a/deep/1", "elsewhere/2")
    Path("mine/a/2").symlink_to(Path("elsewhere/2").resolve())
    assert len(list(files_below(Path("mine")))) == 2
    Path(link).symlink_to(Path("elsewhere").resolve())
    with pytest.raises(UserError, match=f"^{link}: "):
        list(files_below(Path("mine")))


def test_a_table_keeps_every_digit():
    save_csv(Path("table.csv"), ["epoch", "loss"], [(1, 0.1 + 0.2)])
    assert Path("table.csv").read_bytes() == b"epoch,loss\n1,0.30000000000000004\n"
    assert load_csv(Path("table.csv"), {"loss": float}) == [{"loss": 0.1 + 0.2}]


@pytest.mark.parametrize("text", ["", "epoch,loss\n", "epoch\n1\n", "epoch,loss\n1,high\n", "epoch,loss\n1\n"])
def test_a_table_without_rows_or_columns_or_with_other_values_is_refused(text: str):
    Path("table.csv").write_text(text)
    with pytest.raises(UserError, match=r"^table\.csv: .*dvc repro$"):
        load_csv(Path("table.csv"), {"loss": float})


class Scores(JsonFile):
    loss: float
    best: int | None
    parts: dict[str, float]


def test_json_keeps_values_and_the_order_of_the_fields():
    scores = Scores(loss=0.1 + 0.2, best=None, parts={"b": 1.5, "a": 2.5})
    save_json(Path("a.json"), scores.model_dump())
    assert load_json(Path("a.json"), Scores) == scores
    assert list(json.loads(Path("a.json").read_text())) == ["loss", "best", "parts"]
    with pytest.raises(ValueError, match="JSON compliant"):
        save_json(Path("a.json"), {"loss": float("nan")})


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ('{"best": 1, "parts": {}}', "loss"),
        ('{"loss": 1, "best": "1", "parts": {}}', "best"),
        ('{"loss": 1, "best": 1, "parts": {"a": "x"}}', "parts: a"),
        ("{", "cannot be used"),
        (None, "missing"),
    ],
)
def test_json_with_other_values_is_refused(text: str | None, keyword: str):
    if text is not None:
        Path("a.json").write_text(text)
    with pytest.raises(UserError, match=rf"^a\.json: .*{keyword}.*dvc repro$"):
        load_json(Path("a.json"), Scores)

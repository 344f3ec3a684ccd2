"""All outputs of a stage, or none: in one process, without DVC."""

import errno
from pathlib import Path

import pytest

from stages.base.errors import ProjectError
from stages.base.process import LOCK, UNFINISHED, note_who_waits, outputs, stop_if_unwanted


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Path:
    """The current folder, with yesterday's results."""
    monkeypatch.chdir(tmp_path)
    for name in ("metrics/a.json", "plots/b.csv"):
        Path(name).parent.mkdir()
        Path(name).write_text("yesterday's")
    return tmp_path


def files() -> dict[str, str]:
    return {
        path.as_posix(): path.read_text() for path in Path().rglob("*") if path.is_file() and path.name != LOCK.name
    }


YESTERDAY = {"metrics/a.json": "yesterday's", "plots/b.csv": "yesterday's"}


def test_outputs_get_their_names_at_the_end_and_not_before():
    with outputs() as begin:
        begin(Path("metrics/a.json")).write_text("new")
        begin(Path("models/deep/c.keras")).write_text("new")
        assert YESTERDAY.items() <= files().items()
        assert not Path("models/deep/c.keras").exists()
    assert files() == YESTERDAY | {"metrics/a.json": "new", "models/deep/c.keras": "new"}


def test_an_output_is_written_beside_its_place_with_its_own_ending_and_once():
    with outputs() as begin:
        first = begin(Path("models/c.keras"))
        assert (first.parent, first.suffix, first.name) == (Path("models"), ".keras", f"{UNFINISHED}c.keras")
        assert begin(Path("models/c.keras")) == first
        first.touch()


@pytest.mark.parametrize("error", [RuntimeError("a fault"), KeyboardInterrupt(), ProjectError("refused")])
def test_whatever_ends_a_stage_leaves_what_was_there_and_nothing_half_done(error: BaseException):
    def stage() -> None:
        with outputs() as begin:
            begin(Path("metrics/a.json")).write_text("half")
            begin(Path("plots/b.csv"))
            raise error

    with pytest.raises(type(error)):
        stage()
    assert files() == YESTERDAY


def test_a_check_that_fails_at_the_end_leaves_none():
    def changed() -> None:
        assert begin(Path("metrics/a.json")).read_text() == "new"  # all is written when it is called
        raise ProjectError("an input was changed")

    with pytest.raises(ProjectError, match="an input was changed"), outputs(changed) as begin:
        begin(Path("metrics/a.json")).write_text("new")
    assert files() == YESTERDAY


def test_a_write_that_fails_without_saying_where_is_told_by_its_folders():
    def stage() -> None:
        with outputs() as begin:
            begin(Path("plots/b.csv"))
            begin(Path("metrics/a.json"))
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as full:
        stage()
    assert full.value.filename == "metrics, plots"
    assert files() == YESTERDAY


def test_the_next_stage_can_begin_however_the_last_one_ended():
    with pytest.raises(RuntimeError), outputs():
        raise RuntimeError
    with outputs() as begin:
        begin(Path("plots/b.csv")).write_text("new")
    assert files()["plots/b.csv"] == "new"


def test_who_was_started_by_a_dvc_that_is_gone_writes_nothing(monkeypatch):
    monkeypatch.setattr("stages.base.process._waiting", [])
    monkeypatch.setattr("stages.base.process._starter", lambda: "dvc")
    note_who_waits()
    stop_if_unwanted()
    monkeypatch.setattr("stages.base.process._starter", lambda: "init")
    stop_if_unwanted()  # started by a person, whose terminal may be closed
    monkeypatch.setenv("DVC_STAGE", "train")
    with pytest.raises(ProjectError, match="the dvc that started this stage is gone"), outputs() as begin:
        begin(Path("metrics/a.json")).write_text("new")
    assert files() == YESTERDAY

"""All outputs of a stage, or none."""

import fcntl
import os
import signal
import threading
from pathlib import Path

import pytest

from stages.base.errors import ProjectError
from stages.base.process import LOCK, UNFINISHED, outputs

PREVIOUS = {"metrics/a.json": "previous", "plots/b.csv": "previous"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> None:
    """Work in a folder with previous results."""
    monkeypatch.chdir(tmp_path)
    for name, text in PREVIOUS.items():
        Path(name).parent.mkdir()
        Path(name).write_text(text)


def files() -> dict[str, str]:
    paths = (path for path in Path().rglob("*") if path.is_file() and path != LOCK)
    return {path.as_posix(): path.read_text() for path in paths}


def test_outputs_get_their_names_at_the_end_and_have_their_suffix_before():
    with outputs() as begin:
        begin(Path("metrics/a.json")).write_text("new")
        model = begin(Path("models/deep/c.keras"))
        model.write_text("new")
        assert model == begin(Path("models/deep/c.keras")) == Path(f"models/deep/{UNFINISHED}c.keras")
        assert files() == PREVIOUS | {f"metrics/{UNFINISHED}a.json": "new", model.as_posix(): "new"}
    assert files() == PREVIOUS | {"metrics/a.json": "new", "models/deep/c.keras": "new"}


def write(*names: str, error: BaseException | None = None) -> None:
    with outputs() as begin:
        for name in names:
            begin(Path(name)).write_text("new")
        if error:
            raise error


@pytest.mark.parametrize("error", [RuntimeError("a fault"), KeyboardInterrupt(), OSError(28, "No space left")])
def test_a_stage_that_fails_leaves_the_previous_outputs_and_no_others_and_the_next_one_can_run(error: BaseException):
    for _ in range(2):
        with pytest.raises(type(error)):
            write(*PREVIOUS, error=error)
    assert files() == PREVIOUS


def test_a_folder_in_the_place_of_the_last_output_replaces_none():
    Path("plots/c").mkdir()
    with pytest.raises(ProjectError, match="plots/c"):
        write("metrics/a.json", "plots/c")
    assert files() == PREVIOUS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_two_renames_comes_too_late(monkeypatch, number: signal.Signals):
    replace = Path.replace

    def interrupted(path: Path, target: Path) -> None:
        os.kill(os.getpid(), number)
        replace(path, target)

    def stop(number: int, frame: object) -> None:
        raise InterruptedError

    handler = signal.signal(number, stop)
    try:
        with outputs() as begin:
            for name in PREVIOUS:
                begin(Path(name)).write_text("new")
            monkeypatch.setattr(Path, "replace", interrupted)
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, handler)
    assert files() == dict.fromkeys(PREVIOUS, "new")


def test_a_stage_waits_for_another_one_and_says_so(capsys):
    other = LOCK.open("w")
    fcntl.flock(other, fcntl.LOCK_EX)
    threading.Timer(0.2, other.close).start()
    write("plots/b.csv")
    assert "another stage" in capsys.readouterr().err
    assert files()["plots/b.csv"] == "new"

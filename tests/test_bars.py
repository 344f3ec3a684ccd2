"""Bars over bytes: on a terminal, and nowhere else."""

import io
import sys
from pathlib import Path

import pytest

from stages.core.bars import DownloadBar, open_with_bar
from tests.conftest import Screen


@pytest.mark.parametrize("screen", [Screen(), io.StringIO()])
def test_a_file_is_read_whole_and_a_terminal_shows_how_far(tmp_path: Path, monkeypatch, screen: io.StringIO):
    (tmp_path / "images.gz").write_bytes(b"x" * 5000)
    monkeypatch.setattr(sys, "stderr", screen)
    with open_with_bar(tmp_path / "images.gz") as file:
        assert file.read(2000) + file.read() == b"x" * 5000
    if screen.isatty():
        assert "reading images.gz:" in screen.getvalue()
        assert "/5.00k" in screen.getvalue()
        assert screen.getvalue().endswith("\r")  # and gone
    else:
        assert screen.getvalue() == ""


def test_pooch_takes_the_bar_for_one_and_fills_it(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with DownloadBar("images.gz") as bar:
        assert bar
        bar.total = 3000
        bar.update(1000)
        bar.refresh()
    assert "images.gz:  33%" in screen.getvalue()

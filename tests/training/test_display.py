"""What a training prints, with invented losses; tests/pipeline/test_same_bytes.py trains in a terminal."""

import io
import sys

import pytest

from stages.base.errors import UserError
from stages.training.backend import keras
from stages.training.callbacks import early_stopping
from stages.training.display import EpochDisplay
from tests.support.callbacks import VAL_LOSS, play


def test_a_line_per_epoch_has_the_best_so_far_and_the_patience_left(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as in CI, where there is no terminal
    stopping = early_stopping("val_loss", 2, 0.0, restore_best_weights=True)
    with EpochDisplay("val_loss", stopping, range(99)) as display:
        play(VAL_LOSS, [stopping, display])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines]
    assert rows[0][:5] == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    assert [(row[0], row[3], row[6], row[7]) for row in rows[1:]] == [  # epoch, val_loss, the best epoch, patience
        ("1/7", "0.5000", "1", "2"),
        ("2/7", "0.4000", "2", "2"),
        ("3/7", "0.4500", "2", "1"),
        ("4/7", "0.3800", "4", "2"),
        ("5/7", "0.3800", "4", "1"),
        ("6/7", "0.3900", "4", "0"),
    ]


def test_an_epoch_that_was_read_back_has_no_seconds(capsys):
    with EpochDisplay("val_loss", None, [1]) as display:
        play([0.5, 0.4], [display])
    first, second = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert (first[5], first[7]) == ("stored", "-")
    assert float(second[5]) >= 0


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Warn(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("no space for the store", file=sys.stderr)


def test_on_a_terminal_a_live_line_disappears_even_when_training_fails(monkeypatch, capsys):
    screen = Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", screen)
    with (
        pytest.raises(UserError, match="val_loss is nan"),
        EpochDisplay("val_loss", None, range(99)) as display,
    ):
        play([0.5, float("nan")], [Warn(), display])
    assert sys.stdout is screen
    shown = screen.getvalue()
    assert "epoch 1 of 2" in shown
    assert "epoch 2 of 2" in shown
    assert "0:00:00 left" in shown
    assert shown.endswith("\x1b[2K")  # the last thing is to erase the line
    assert capsys.readouterr().err == "no space for the store\n"  # not on the terminal
    assert "no space" not in shown

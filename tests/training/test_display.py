"""What is shown of a training, with invented losses; tests/pipeline/test_same_bytes.py trains in a terminal."""

import io
import re
import sys

import pytest
from rich.console import Console

from stages.base.errors import UserError
from stages.training.backend import keras
from stages.training.callbacks import early_stopping
from stages.training.display import EpochDisplay, Terminal, sparkline
from tests.support.callbacks import VAL_LOSS, play


@pytest.fixture(autouse=True)
def usual_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("TTY_INTERACTIVE", raising=False)


def shown(width: int, values: list[float] = VAL_LOSS, monitor: str = "val_loss", patience: int | None = 2) -> list[str]:
    """The lines that a training writes to a terminal of such a width, those that it takes away again among them."""
    stopping = early_stopping(monitor, patience, 0.0, restore_best_weights=True)
    screen = io.StringIO()
    with EpochDisplay(
        monitor, stopping, range(99), Console(file=screen, force_terminal=True, width=width, color_system=None)
    ) as display:
        play(values, [*([stopping] if stopping else []), display], monitor)
    return [line.rstrip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[\d?]*\w", "", screen.getvalue()))]


def test_without_a_terminal_a_line_an_epoch_has_the_best_so_far_and_the_patience_left(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # as CI sets it, where there is no terminal
    stopping = early_stopping("val_loss", 2, 0.0, restore_best_weights=True)
    with EpochDisplay("val_loss", stopping, range(99)) as display:
        play(VAL_LOSS, [stopping, display])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[:5] == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]
    rows = [line.split() for line in lines[1:]]
    assert [(row[0], row[3], row[6], row[7]) for row in rows] == [  # epoch, val_loss, the best epoch, patience
        ("1/7", "0.5000", "1", "2"),
        ("2/7", "0.4000", "2", "2"),
        ("3/7", "0.4500", "2", "1"),
        ("4/7", "0.3800", "4", "2"),
        ("5/7", "0.3800", "4", "1"),
        ("6/7", "0.3900", "4", "0"),
    ]


def test_an_epoch_that_was_read_back_says_stored_and_without_early_stopping_no_patience_is_left(capsys):
    with EpochDisplay("val_loss", None, [1]) as display:
        play([0.5, 0.4], [display])
    first, second = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert (first[5], first[7]) == ("stored", "-")
    assert float(second[5]) >= 0


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_the_lines_say_which_epochs_were_the_best_so_far(width: int):
    rows = [line for line in shown(width) if re.match(r" +\d/7 ", line)]
    assert [row.split()[0] for row in rows] == ["1/7", "2/7", "3/7", "4/7", "5/7", "6/7"]  # each once
    assert [row.split()[0] for row in rows if row.endswith("best so far")] == ["1/7", "2/7", "4/7"]


@pytest.mark.parametrize("width", [80, 120])
def test_on_a_terminal_lines_below_say_where_the_training_stands(width: int):
    lines = shown(width)
    assert max(map(len, lines)) <= width
    progress = [line for line in lines if line.startswith("epoch ")]
    assert progress[0].split()[:4] == ["epoch", "1", "of", "7"]
    assert re.match(r"epoch \d of 7 .* about \d:\d\d:\d\d left, or less$", progress[-1])
    assert [line for line in lines if line.startswith("val_loss")][-1] == (
        "val_loss █▂▅▁▁▂  best val_loss 0.3800 at epoch 4  patience left 0 of 2"
    )


def test_without_early_stopping_no_patience_is_shown_and_the_time_is_not_less():
    lines = shown(80, patience=None)
    assert re.match(
        r"epoch 7 of 7 .*  about \d:\d\d:\d\d left$", [line for line in lines if line.startswith("epoch ")][-1]
    )
    assert [line for line in lines if line.startswith("val_loss")][-1].endswith("  best val_loss 0.2000 at epoch 7")


def test_of_many_epochs_the_sparkline_shows_as_many_as_there_is_room_for():
    lines = [line for line in shown(80, [1 / n for n in range(1, 60)]) if line.startswith("val_loss")]
    assert {len(line) for line in lines[-20:]} == {80}
    assert lines[-1].endswith("▁  best val_loss 0.0169 at epoch 59  patience left 2 of 2")


def test_another_monitored_metric_is_named_and_fits():
    lines = shown(80, [0.7, 0.8, 0.75, 0.72], "val_accuracy")
    assert max(map(len, lines)) <= 80
    assert "val_loss ▁▁▁▁  best val_accuracy 0.8000 at epoch 2  patience left 0 of 2" in lines


def test_the_terminal_is_left_in_order_when_training_fails():
    screen, stdout = io.StringIO(), sys.stdout
    display = EpochDisplay("val_loss", None, (), Terminal(file=screen, force_terminal=True, width=80))
    with pytest.raises(UserError, match="val_loss is nan"), display:
        play([0.5, float("nan")], [display])
    assert sys.stdout is stdout
    assert "best val_loss 0.5000 at epoch 1" in screen.getvalue()
    assert "\x1b[?25l" not in screen.getvalue()  # hides the cursor: nothing would show it again after SIGKILL


def test_what_goes_to_standard_error_stays_there_where_that_is_no_terminal(capsys):
    class Warn(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            print("no space for the store", file=sys.stderr)

    screen = io.StringIO()
    with EpochDisplay("val_loss", None, (), Terminal(file=screen, force_terminal=True, width=80)) as display:
        play([0.5], [Warn(), display])
    assert capsys.readouterr().err == "no space for the store\n"
    assert "no space" not in screen.getvalue()


@pytest.mark.parametrize(
    ("term", "encoding", "live"), [("xterm", "utf-8", True), ("dumb", "utf-8", False), ("xterm", "latin-1", False)]
)
def test_a_terminal_that_cannot_show_it_gets_the_plain_lines(term: str, encoding: str, live: bool, monkeypatch):
    class Screen(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", term)
    console = Console(file=Screen(io.BytesIO(), encoding=encoding))
    assert EpochDisplay("val_loss", None, (), console).is_live == live


@pytest.mark.parametrize(
    ("values", "line"),
    [([1.0], "▁"), ([2.0, 2.0], "▁▁"), ([0.0, 7.0, 3.0], "▁█▄"), ([0.5, 0.4, 0.45], "█▁▅")],
)
def test_a_sparkline_reaches_from_the_least_value_to_the_greatest(values, line):
    assert sparkline(values) == line

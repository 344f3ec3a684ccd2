"""What a training prints, with invented losses; tests/pipeline/test_same_bytes.py trains in a terminal."""

from stages.training.callbacks import early_stopping
from stages.training.display import EpochDisplay
from tests.support.callbacks import VAL_LOSS, play


def test_a_line_per_epoch_has_the_best_so_far_and_the_patience_left(capsys):
    stopping = early_stopping("val_loss", 2, 0.0, restore_best_weights=True)
    play(VAL_LOSS, [stopping, EpochDisplay("val_loss", stopping, range(99))])
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
    play([0.5, 0.4], [EpochDisplay("val_loss", None, [1])])
    first, second = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert (first[5], first[7]) == ("stored", "-")
    assert float(second[5]) >= 0

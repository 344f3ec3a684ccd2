"""One look, whatever the user's own."""

from io import BytesIO

import matplotlib as mpl
from matplotlib.figure import Figure

from stages.report.style import (
    KEPT,
    LONGEST,
    SERIES,
    STOPPED,
    STYLE,
    TEST,
    TRAINING,
    VALIDATION,
    save_png,
    shortened,
    use_style,
)


def drawn() -> bytes:
    use_style()
    figure, file = Figure(), BytesIO()
    figure.subplots().plot([1, 2])
    save_png(figure, file)
    return file.getvalue()


def test_the_users_style_is_forgotten_and_equal_figures_are_equal_bytes():
    expected = drawn()
    mpl.rcParams["axes.facecolor"] = "red"
    assert drawn() == expected
    assert mpl.rcParams["font.size"] == STYLE["font.size"]


def test_a_name_without_room_keeps_both_of_its_ends():
    assert shortened("Ankle boot") == "Ankle boot"
    assert shortened("number 7 of forty classes") == "number 7 … classes"
    assert len(shortened("x" * 100)) == LONGEST


def test_a_colour_has_one_meaning():
    ours = [TRAINING["color"], VALIDATION["color"], KEPT["color"], TEST, STOPPED["color"]]
    series = [look["color"] for look in SERIES]
    assert len({*ours, *series}) == len(ours) + len(series)

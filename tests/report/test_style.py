"""One style for all figures, whatever the user's own."""

from io import BytesIO

import matplotlib as mpl
from matplotlib.figure import Figure

from stages.report.style import KEPT, SERIES, STOPPED, TEST, TRAINING, VALIDATION, save_png, shortened, use_style


def drawn() -> bytes:
    use_style()
    figure, file = Figure(), BytesIO()
    figure.subplots().plot([1, 2])
    save_png(figure, file)
    return file.getvalue()


def test_equal_figures_are_equal_bytes_whatever_the_users_style():
    expected = drawn()
    mpl.rcParams.update({"font.size": 30, "axes.facecolor": "red"})
    assert drawn() == expected


def test_a_long_name_keeps_both_of_its_ends():
    assert shortened("Ankle boot") == "Ankle boot"
    assert shortened("number 7 of forty classes") == "number 7…classes"
    assert len(shortened("x" * 100, 11)) == 11


def test_a_color_has_one_meaning():
    ours = [TRAINING["color"], VALIDATION["color"], KEPT["color"], TEST, STOPPED["color"]]
    series = [look["color"] for look in SERIES]
    assert len({*ours, *series}) == len(ours) + len(series)

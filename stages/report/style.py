"""One look for all figures: a colour and a line for each kind of data, and PNG files with the same bytes.

Figures are drawn without pyplot, which would keep state, and with Matplotlib's own defaults, not the user's.
"""

from pathlib import Path
from typing import BinaryIO

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH = 9  # inches, of 100 dots as a README shows them, which screens of high density have twice
LONGEST = 18  # letters of a class's name, below an image or beside a row

# Okabe and Ito's palette: told apart by colour-blind readers; the lines differ in grey too.
TRAINING = {"color": "#0072B2", "linestyle": "-", "marker": "o", "label": "training"}
VALIDATION = {"color": "#D55E00", "linestyle": "--", "marker": "s", "label": "validation"}
KEPT = {"color": "#009E73", "linestyle": "-"}
STOPPED = {"color": "#555555", "linestyle": ":"}
LOWERED = {"color": "#555555", "linestyle": "-."}  # the learning rate
# Settings beside each other, in this order: another look each, and no colour that says one of the above.
SERIES = (
    {"color": "#E69F00", "linestyle": "-", "marker": "^"},
    {"color": "#222222", "linestyle": "--", "marker": "o"},
    {"color": "#CC79A7", "linestyle": "-.", "marker": "s"},
    {"color": "#56B4E9", "linestyle": ":", "marker": "D"},
    {"color": "#8C510A", "linestyle": "-", "marker": "v"},
    {"color": "#999999", "linestyle": "--", "marker": "x"},
)
TEST = "#6A51A3"  # a purple of the colour map below
SHARES = "Purples"  # colour map for shares of the test images
WRONG = {"edgecolor": "black", "facecolor": "none", "linewidth": 2}  # the frame around what was taken for another class

STYLE = {
    "font.size": 11,
    "axes.titlesize": 11,
    "figure.titlesize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
    "lines.markersize": 4,
    "legend.frameon": False,
    "text.parse_math": False,  # a class may have a $ in its name
    "figure.dpi": 200,
}


def use_style() -> None:
    """Set Matplotlib to its defaults and then to this family's style, whatever the user's matplotlibrc says."""
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)


def save_png(figure: Figure, path: Path | BinaryIO) -> None:
    """Write a PNG without the name of the software in it, so that equal figures are equal bytes."""
    FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})  # `savefig` goes through it all once more


def shortened(name: str) -> str:
    """A name, or both of its ends where it has no room."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[1 - half :]}"

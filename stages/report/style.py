"""Set the style of all figures: a color and a line for each kind of data. Write PNG files with equal bytes.

Figures are drawn without pyplot, which keeps state, and with Matplotlib's own defaults instead of the user's.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

WIDTH = 9  # inches; a README shows it at 100 dots per inch, a high-density screen at 200

# Okabe and Ito's palette, which color-blind readers can distinguish; the lines also differ in grey.
TRAINING = {"color": "#0072B2", "linestyle": "-", "marker": "o"}
VALIDATION = {"color": "#D55E00", "linestyle": "--", "marker": "s"}
KEPT = {"color": "#009E73", "linestyle": "-"}
STOPPED = {"color": "#555555", "linestyle": ":"}
LOWERED = {"color": "#555555", "linestyle": "-."}  # the learning rate
# Looks without a meaning above: the first three for trainings and settings, the others for networks
SERIES = (
    {"color": "#E69F00", "linestyle": "-", "marker": "^"},
    {"color": "#222222", "linestyle": "--", "marker": "o"},
    {"color": "#CC79A7", "linestyle": "-.", "marker": "s"},
    {"color": "#56B4E9", "linestyle": ":", "marker": "D"},
    {"color": "#8C510A", "linestyle": "-", "marker": "v"},
    {"color": "#999999", "linestyle": "--", "marker": "s"},
)
TRAININGS, NETWORKS = SERIES[:3], SERIES[3:]
TEST = "#6A51A3"  # a purple of the color map below
SHARES = "Purples"  # color map for shares of the test images
BETTER = {"color": KEPT["color"], "alpha": 0.1, "linewidth": 0}  # the side of 0 that is better
WRONG = {"edgecolor": "black", "facecolor": "none", "linewidth": 2}  # the frame around a mistake

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
    """Set Matplotlib to its defaults and this style, whatever the user's matplotlibrc says."""
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)


def save_png(figure: Figure, path: Path | BinaryIO) -> None:
    """Write a PNG file without the name of the software, so that equal figures give equal bytes."""
    with warnings.catch_warnings(action="ignore"):  # about letters that the font lacks: see `missing_letters`
        FigureCanvasAgg(figure).print_png(path, metadata={"Software": None})  # `savefig` would draw everything twice


def shade_better(axes: Axes, axis: Literal["x", "y"], lower_is_better: bool) -> None:
    """Shade the side of 0 on which a difference is better. Call it last: it fixes the limits of the axis."""
    low, high = axes.get_xlim() if axis == "x" else axes.get_ylim()
    far = 0.05 * (high - low)
    low, high = min(low, -far), max(high, far)  # so that both sides are visible
    axes.set(**{f"{axis}lim": (low, high)})
    shade = axes.axvspan if axis == "x" else axes.axhspan
    shade(*((low, 0) if lower_is_better else (0, high)), **BETTER)


def missing_letters(names: Iterable[str]) -> list[str]:
    """Return the letters of these names that figures show as boxes.

    Matplotlib's own font lacks them. Another font would depend on the machine, and so would the bytes of a figure.
    """
    known = get_font(findfont(FontProperties())).get_charmap()
    return sorted({letter for name in names for letter in name if ord(letter) not in known})


def shortened(name: str, longest: int = 16) -> str:
    """Return a name, or only both of its ends if it has more letters than this."""
    half = longest // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[half + 1 - longest :]}"

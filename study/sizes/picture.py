"""The figure of the study's second part: what dropout does, over the number of training images."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from seeds.statistics import Spread
from stages.report.style import SERIES, WIDTH

APART = 1.07  # of two lines beside each other, on a logarithmic axis


class Line(NamedTuple):
    """The differences of a network with dropout and without."""

    label: str
    images: list[int]
    differences: list[Spread]
    shown: list[bool]  # to be more than luck


def dropout_pays(panels: Mapping[tuple[str, str], list[Line]]) -> Figure:
    """A panel a value: points are means over the seeds, bars their 95 % intervals, full points are shown to differ.

    Args:
        panels: (title, what the value is where dropout pays: "lower" or "higher") -> a line a network.
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    figure.suptitle(
        "With dropout minus without, mean of seeds and 95 % interval\n(full points: shown to be more than luck)"
    )
    for axes, ((title, better), lines) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        axes.axhline(0, color="black", linewidth=1)
        for number, (line, look) in enumerate(zip(lines, itertools.cycle(SERIES), strict=False)):
            x = [images * APART ** (number - (len(lines) - 1) / 2) for images in line.images]
            means = [each.mean for each in line.differences]
            half = [each.high - each.mean for each in line.differences]
            axes.errorbar(x, means, half, color=look["color"], linestyle=look["linestyle"], capsize=3, linewidth=1.5)
            for at, mean, shown in zip(x, means, line.shown, strict=True):
                face = look["color"] if shown else "white"
                axes.plot(at, mean, look["marker"], color=look["color"], markerfacecolor=face, markersize=7, zorder=3)
            axes.plot([], [], **look | {"markersize": 7}, label=line.label)
        side = "below" if better == "lower" else "above"
        axes.set(title=f"{title}\n({side} 0: dropout pays)", xlabel="training images, thousands", xscale="log")
        ticks = sorted({images for line in lines for images in line.images})
        axes.set_xticks(ticks, [f"{images / 1000:g}" for images in ticks])
        axes.minorticks_off()
    figure.axes[0].set_ylabel("difference")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure

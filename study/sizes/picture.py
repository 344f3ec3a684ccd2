"""The figure of the study of sizes: the effect of dropout over the number of training images."""

import itertools
from typing import NamedTuple

from matplotlib.figure import Figure

from seeds.statistics import Comparison
from stages.report.style import NETWORKS, WIDTH, shade_better

APART = 1.2  # of two networks with the same number of images, on a logarithmic axis


class Line(NamedTuple):
    """The effect of dropout on one network."""

    network: str
    dropout: str  # the rate
    effects: dict[int, Comparison]  # by the number of training images


class Panel(NamedTuple):
    """A value, and the effect of dropout on it."""

    title: str
    lower_is_better: bool
    unit: int  # 100 for percentage points
    lines: list[Line]


def finding(lines: list[Line]) -> str:
    """Describe what dropout does to a loss with few and with many images."""
    few = [line.effects[min(line.effects)] for line in lines]
    many = {line.network: line.effects[max(line.effects)] for line in lines}
    lowers = any(effect.is_significant and effect.difference.mean < 0 for effect in few)
    raises = [name for name, effect in many.items() if effect.is_significant and effect.difference.mean > 0]
    on_few = "lowers the loss with few images" if lowers else "is not shown to lower the loss with few images"
    return f"Dropout {on_few}" + (f" and raises it with many for {', '.join(raises)}" if raises else "")


def effects_of_dropout(panels: list[Panel]) -> Figure:
    """Draw a panel for each value: means over the seeds with 95% intervals, filled where significant."""
    figure = Figure(figsize=(WIDTH, 5), layout="constrained")
    method = "means of seeds with 95% intervals; filled: significant after Holm's correction"
    figure.suptitle(f"{finding(panels[0].lines)}\n{method}")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        axes.axhline(0, color="black", linewidth=1)
        for number, (line, look) in enumerate(zip(panel.lines, itertools.cycle(NETWORKS), strict=False)):
            x = [images * APART ** (number - (len(panel.lines) - 1) / 2) for images in line.effects]
            differences = [effect.difference for effect in line.effects.values()]
            means = [panel.unit * each.mean for each in differences]
            half = [panel.unit * (each.high - each.mean) for each in differences]
            axes.errorbar(x, means, half, color=look["color"], linestyle=look["linestyle"], capsize=3, linewidth=1.5)
            for place, mean, effect in zip(x, means, line.effects.values(), strict=True):
                face = look["color"] if effect.is_significant else "white"
                axes.plot(
                    place, mean, look["marker"], color=look["color"], markerfacecolor=face, markersize=7, zorder=3
                )
            axes.plot([], [], **look | {"markersize": 7}, label=f"{line.network}, dropout {line.dropout}")
        shade_better(axes, "y", panel.lower_is_better)
        axes.set(title=f"{panel.title}\n(shaded: dropout helps)", xlabel="training images, thousands", xscale="log")
        ticks = sorted({images for line in panel.lines for images in line.effects})
        axes.set_xticks(ticks, [f"{images / 1000:g}" for images in ticks])
        axes.minorticks_off()
        axes.set_ylabel("difference (nats)" if panel.unit == 1 else "difference (percentage points)")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure

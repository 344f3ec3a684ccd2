"""Draw the effect of dropout over the number of training images."""

import itertools
from typing import NamedTuple

from matplotlib.figure import Figure

from seeds.statistics import Comparison
from stages.base.params import written
from stages.report.style import NETWORKS, WIDTH, shade_better
from study.sizes.grid import Cell, Claim, Grid

Lines = dict[str, dict[int, Comparison]]  # network -> number of training images -> the effect of dropout
APART = 1.2  # of two networks with the same number of images, on a logarithmic axis


class Effect(NamedTuple):
    """The effect of dropout on the value of a claim, in one cell."""

    claim: Claim
    cell: Cell
    comparison: Comparison

    @property
    def pays(self) -> bool:
        """Whether the claim holds significantly."""
        return self.comparison.is_significant and (self.comparison.difference.mean < 0) == (self.claim.pays == "lower")


def finding(lines: Lines) -> str:
    """Describe what dropout does to a loss with few and with many images."""
    few = [line[min(line)] for line in lines.values()]
    many = {network: line[max(line)] for network, line in lines.items()}
    lowers = any(effect.is_significant and effect.difference.mean < 0 for effect in few)
    raises = [network for network, effect in many.items() if effect.is_significant and effect.difference.mean > 0]
    on_few = "lowers the loss with few images" if lowers else "is not shown to lower the loss with few images"
    return f"Dropout {on_few}" + (f" and raises it with many for {', '.join(raises)}" if raises else "")


def lines_of(grid: Grid, claim: Claim, effects: list[Effect]) -> Lines:
    """Return the effects of each network's highest rate."""
    return {
        subject.title.en: {
            effect.cell.images: effect.comparison
            for effect in effects
            if (effect.claim, effect.cell.network, effect.cell.dropout) == (claim, name, subject.rates[-1])
        }
        for name, subject in grid.networks.items()
    }


def effects_of_dropout(grid: Grid, effects: list[Effect]) -> Figure:
    """Draw the claims that have a panel: means over the seeds with 95% intervals, filled where significant."""
    claims = [claim for claim in grid.claims if claim.panel]
    figure = Figure(figsize=(WIDTH, 5), layout="constrained")
    method = "means of seeds with 95% intervals; filled: significant after Holm's correction"
    figure.suptitle(f"{finding(lines_of(grid, claims[0], effects))}\n{method}")
    for axes, claim in zip(figure.subplots(1, len(claims), squeeze=False)[0], claims, strict=True):
        unit = 1 if claim.pays == "lower" else 100  # percentage points of accuracy
        axes.axhline(0, color="black", linewidth=1)
        lines = lines_of(grid, claim, effects)
        for number, (subject, look) in enumerate(zip(grid.networks.values(), itertools.cycle(NETWORKS), strict=False)):
            line = lines[subject.title.en]
            x = [images * APART ** (number - (len(lines) - 1) / 2) for images in line]
            means = [unit * effect.difference.mean for effect in line.values()]
            half = [unit * (effect.difference.high - effect.difference.mean) for effect in line.values()]
            axes.errorbar(x, means, half, color=look["color"], linestyle=look["linestyle"], capsize=3, linewidth=1.5)
            for place, mean, effect in zip(x, means, line.values(), strict=True):
                face = look["color"] if effect.is_significant else "white"
                axes.plot(
                    place, mean, look["marker"], color=look["color"], markerfacecolor=face, markersize=7, zorder=3
                )
            axes.plot(
                [], [], **look | {"markersize": 7}, label=f"{subject.title.en}, dropout {written(subject.rates[-1])}"
            )
        shade_better(axes, "y", claim.pays == "lower")
        axes.set(title=f"{claim.panel}\n(shaded: dropout helps)", xlabel="training images, thousands", xscale="log")
        ticks = sorted({images for line in lines.values() for images in line})
        axes.set_xticks(ticks, [f"{images / 1000:g}" for images in ticks])
        axes.minorticks_off()
        axes.set_ylabel("difference (nats)" if unit == 1 else "difference (percentage points)")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure

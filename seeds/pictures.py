"""Draw comparisons: every seed of two settings, or the differences of many settings from the baseline."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seeds.comparison import METRICS, Row, lower_is_better
from stages.report.style import TRAININGS, WIDTH, shade_better

LINE = 95  # characters of a title
COLOR = TRAININGS[1]["color"]  # of a difference


def every_seed(title: str, trainings: pd.DataFrame, baseline: str, row: Row, metric: str) -> Figure:
    """Draw the value of every seed with both settings, joined by a line, and the difference of each."""
    values = trainings.pivot_table(index="seed", columns="setting", values=metric)[[baseline, row.setting]].dropna()
    both = values.to_numpy().T  # [setting, seed]
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    figure.suptitle(textwrap.fill(title, LINE))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    left.plot([0, 1], both, color="#cccccc", linewidth=1, zorder=1)
    for x, (look, of_setting) in enumerate(zip(TRAININGS, both, strict=False)):
        left.plot([x] * len(of_setting), of_setting, "o", color=look["color"], markersize=6)
        left.plot([x - 0.12, x + 0.12], [of_setting.mean()] * 2, color="black", linewidth=2)
    names = (f"{textwrap.fill(baseline, 24)}\n(committed)", f"{textwrap.fill(row.setting, 24)}\n(changed)")
    left.set_xticks([0, 1], names)
    left.set(xlim=(-0.4, 1.4), ylabel=METRICS[metric], title="each seed with both settings, and the means")
    apart = np.linspace(-0.15, 0.15, both.shape[1])  # no dot hides another
    right.axhline(0, color="#555555", linestyle="--")
    right.plot(apart, both[1] - both[0], "o", color=COLOR, markersize=6)
    if row.comparison:
        _, mean, _, low, high = row.comparison.difference
        right.errorbar(0.4, mean, [[mean - low], [high - mean]], color="black", marker="_", markersize=14, capsize=4)
    shade_better(right, "y", lower_is_better(metric))
    right.set(xlim=(-0.5, 0.7), xticks=[], title="difference (shaded: better),\nmean and 95% interval")
    return figure


def every_setting(rows: Sequence[Row], baseline: str, metric: str) -> Figure:
    """Draw the mean difference of each setting from the baseline with its interval; filled where significant."""
    compared = [row for row in rows if row.comparison]
    significant = [row for row in compared if row.comparison.is_significant]
    better = sum((row.comparison.difference.mean < 0) == lower_is_better(metric) for row in significant)
    counts = f"{better} better, {len(significant) - better} worse, {len(compared) - len(significant)} not significant"
    figure = Figure(figsize=(WIDTH, 1.6 + 0.34 * len(compared)), layout="constrained")
    figure.suptitle(textwrap.fill(f"Compared with {baseline}: {counts}", LINE))
    axes = figure.subplots()
    axes.axvline(0, color="#555555", linestyle="--")
    for position, row in enumerate(compared):
        _, mean, _, low, high = row.comparison.difference
        axes.errorbar(
            mean, position, xerr=[[mean - low], [high - mean]], marker="o", markersize=7, capsize=3, color=COLOR,
            markerfacecolor=COLOR if row.comparison.is_significant else "white",
        )  # fmt: skip
    axes.set_yticks(range(len(compared)), [row.setting for row in compared])
    axes.invert_yaxis()
    shade_better(axes, "x", lower_is_better(metric))
    axes.set_xlabel(f"difference in {METRICS[metric]}, 95% interval (shaded: better; filled: significant)")
    return figure

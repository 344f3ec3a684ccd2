"""One question, answered: a changed setting beside the committed one, in a sentence and in a picture of every seed."""

import math
import textwrap

import numpy as np
from matplotlib.figure import Figure

from stages.base.params import DataParams, Params, in_words, written
from stages.experiments.comparison import Row, Table, lower_is_better
from stages.experiments.significance import Spread
from stages.report.style import SERIES, WIDTH

LINE = 80  # letters of a title


def question(changed: Params, base: Params, committed: Params) -> str:
    """What is changed: "dropout 0.5 instead of 0.3"; and on which images, if on others than committed."""
    different = [name for name, value in base if getattr(changed, name) != value]
    told = ", ".join(f"{in_words(changed, [name])} instead of {written(getattr(base, name))}" for name in different)
    images = [name for name in DataParams.model_fields if getattr(base, name) != getattr(committed, name)]
    return told + (f", on {in_words(base, images)}" if images else "")


def sentence(asked: str, table: Table) -> str:
    """The answer, as a person would repeat it: how much higher or lower, its interval, and the verdict.

    Args:
        asked: as `question` says it.
        table: of the two settings.
    """
    (row,) = (row for row in table.rows if row is not table.baseline)
    name = table.metric.replace(".", " ").replace("_", " ")
    if not row.comparison:
        return f"{asked}: {row.verdict}"
    difference = row.comparison.difference
    if not difference.mean and not difference.sd:
        return f"{asked}: {name} {row.verdict}"
    size = f"{'lower' if difference.mean < 0 else 'higher'} by {_rounded(abs(difference.mean), difference)}"
    return f"{asked}: {name} {size} ({_interval(difference)}): {row.verdict}"


def _rounded(value: float, difference: Spread) -> str:
    """With two digits of half the interval: what comes after them is luck."""
    half = max(difference.high - difference.mean, 1e-5)
    return f"{value:.{max(0, 1 - math.floor(math.log10(half)))}f}"


def _interval(difference: Spread) -> str:
    low, high = (_rounded(abs(end), difference) for end in (difference.low, difference.high))
    if difference.low < 0 < difference.high:
        return f"{low} lower to {high} higher"
    return f"{low} to {high}" if difference.low > 0 else f"{high} to {low}"


def seeds_of_both(title: str, table: Table) -> Figure:
    """Every seed a dot: its value with each of the settings, joined by a line; and its difference."""
    (row,) = (row for row in table.rows if row is not table.baseline)
    both = [each.setting.values(table.metric) for each in (table.baseline, row)]
    seeds = sorted(set.intersection(*map(set, both)))
    values = np.array([[by_seed[seed] for seed in seeds] for by_seed in both])  # [setting, seed]
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    asked, _, answer = title.partition(": ")
    figure.suptitle("\n".join((*textwrap.wrap(f"{asked}:", LINE), *textwrap.wrap(answer, LINE))))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    left.plot([0, 1], values, color="#cccccc", linewidth=1, zorder=1)
    for x, (look, of_setting) in enumerate(zip(SERIES, values, strict=False)):
        left.plot([x] * len(seeds), of_setting, "o", color=look["color"], markersize=6)
        left.plot([x - 0.12, x + 0.12], [of_setting.mean()] * 2, color="black", linewidth=2)
    left.set_xticks([0, 1], [_named(table.baseline, "baseline"), _named(row, "changed")])
    left.set(xlim=(-0.4, 1.4), ylabel=table.metric, title="each seed with both (dots), and the means (bars)")
    apart = np.linspace(-0.15, 0.15, len(seeds)) if len(seeds) > 1 else [0]  # so that dots do not hide each other
    right.axhline(0, color="#555555", linestyle="--")
    right.plot(apart, values[1] - values[0], "o", color=SERIES[1]["color"], markersize=6)
    if row.comparison:
        _, mean, _, low, high = row.comparison.difference
        right.errorbar(0.4, mean, [[mean - low], [high - mean]], color="black", marker="_", markersize=14, capsize=4)
    better = "below" if lower_is_better(table.metric) else "above"
    right.set(xlim=(-0.5, 0.7), xticks=[], title=f"difference ({better} 0: better),\nmean and 95% interval")
    return figure


def _named(row: Row, what: str) -> str:
    return f"{textwrap.fill(row.label, 24)}\n({what})"

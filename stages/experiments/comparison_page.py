"""A comparison as a page: the table, the differences, dropout and patience as a map, every seed as a dot."""

import io
import math
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stages.base.params import written
from stages.experiments.comparison import Row, Table, choosable, chosen, conclusion, lower_is_better, method
from stages.report.pages import Picture, of_figure, render
from stages.report.style import SERIES, WIDTH, WRONG, save_png, use_style

COLOR = SERIES[1]["color"]  # of a difference


def headline(table: Table) -> str:
    """What is best, and whether it is shown to be better than the baseline, in one sentence."""
    found = chosen(table) if choosable(table.metric) else None
    if not found:
        others = len(table.rows) - 1
        return f"{table.baseline.label} beside {others} other{'s' * (others > 1)}, by {table.metric}"
    top, _ = found
    less = lower_is_better(table.metric)
    if top.verdict == "better":
        by = f"{'lower' if less else 'higher'} by {abs(top.comparison.difference.mean):.4f}"
        return f"{top.label} is better than {table.baseline.label}: mean {table.metric} is {by}"
    most = f"the {'lowest' if less else 'highest'} mean {table.metric}"
    if top.setting == table.baseline.setting:
        return f"Nothing tried is better than {top.label}, which has {most}"
    return f"Nothing is shown to be better than {table.baseline.label}; {top.label} has {most}"


def differences(table: Table) -> Figure:
    """The mean paired difference of each setting from the baseline, with its interval; filled where it is shown."""
    rows = [row for row in table.rows if row.comparison]
    better = sum(
        row.comparison.is_shown and (row.comparison.difference.mean < 0) == lower_is_better(table.metric)
        for row in rows
    )
    worse = sum(row.comparison.is_shown for row in rows) - better
    rest = len(rows) - better - worse
    counts = ((better, "better"), (worse, "worse"), (rest, "not shown to differ"))
    figure = Figure(figsize=(WIDTH, 1.6 + 0.34 * len(rows)), layout="constrained")
    told = ", ".join(f"{count} {what}" for count, what in counts if count)
    figure.suptitle("\n".join(textwrap.wrap(f"Beside {table.baseline.label}: {told}", 80)))
    axes = figure.subplots()
    axes.axvline(0, color="#555555", linestyle="--")
    for position, row in enumerate(rows):
        _, mean, _, low, high = row.comparison.difference
        axes.errorbar(
            mean, position, xerr=[[mean - low], [high - mean]], marker="o", markersize=7, capsize=3, color=COLOR,
            markerfacecolor=COLOR if row.comparison.is_shown else "white",
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.invert_yaxis()
    direction = "lower" if lower_is_better(table.metric) else "higher"
    axes.set_xlabel(f"difference in {table.metric}, 95% interval ({direction} is better; filled: shown)")
    return figure


def heat_map(table: Table) -> Figure | None:
    """The mean for each dropout rate and patience; hatched where no difference from the baseline is shown.

    None where one of the two was not varied. What else was varied is as in the baseline.
    """
    fixed = [name for name in table.varied if name not in ("dropout", "patience")]
    baseline = table.baseline.setting.params
    rows = [
        row for row in table.rows if all(getattr(row.setting.params, name) == getattr(baseline, name) for name in fixed)
    ]
    cells = {(row.setting.params.dropout, row.setting.params.patience): row for row in rows}
    rates = sorted({rate for rate, _ in cells})
    patiences = sorted({patience for _, patience in cells}, key=lambda value: math.inf if value is None else value)
    if len(rates) < 2 or len(patiences) < 2:
        return None
    means = np.array(
        [
            [cells[at].spread.mean if (at := (rate, patience)) in cells else np.nan for patience in patiences]
            for rate in rates
        ]
    )
    figure = Figure(figsize=(WIDTH, 1.9 + 0.7 * len(rates)), layout="constrained")
    best = min if lower_is_better(table.metric) else max
    top = best(cells.values(), key=lambda row: row.spread.mean)
    figure.suptitle(
        f"Mean {table.metric}: {'lowest' if lower_is_better(table.metric) else 'highest'} with {top.label}, "
        f"{top.spread.mean:.4f}\n(hatched: not shown to differ from the baseline, which is framed)"
    )
    axes = figure.subplots()
    image = axes.imshow(means, cmap=f"Greys{'_r' * lower_is_better(table.metric)}", aspect="auto")
    axes.grid(visible=False)
    middle = np.nanmean([np.nanmin(means), np.nanmax(means)])
    for y, x in np.argwhere(np.isnan(means)):
        axes.text(x, y, "not run", ha="center", va="center", color="#555555")
    for (rate, patience), row in cells.items():
        y, x = rates.index(rate), patiences.index(patience)
        dark = (row.spread.mean < middle) == lower_is_better(table.metric)
        if row.setting == table.baseline.setting:
            axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **WRONG))
        elif not (row.comparison and row.comparison.is_shown):
            axes.add_patch(
                Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, hatch="//", edgecolor="#888888", linewidth=0)
            )
        axes.text(
            x, y, f"{row.spread.mean:.4f}", ha="center", va="center", color="white" if dark else "black",
            bbox={"boxstyle": "round", "facecolor": image.cmap(image.norm(row.spread.mean)), "edgecolor": "none"},
        )  # fmt: skip
    axes.set(xlabel="patience (epochs)", ylabel="dropout rate")
    axes.set_xticks(range(len(patiences)), map(written, patiences))
    axes.set_yticks(range(len(rates)), map(written, rates))
    figure.colorbar(image, ax=axes, label=table.metric)
    return figure


def dots(table: Table, metric: str) -> Figure | None:
    """A metric against the dropout rate: every seed a dot, the mean a line; what else was varied, beside each other.

    None where dropout was not varied.
    """
    others = [name for name in table.varied if name != "dropout"]
    if "dropout" not in table.varied:
        return None
    rates = sorted({row.setting.params.dropout for row in table.rows})
    groups: dict[tuple, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(tuple(getattr(row.setting.params, name) for name in others), []).append(row)
    seeds_apart = max(np.ptp(list(row.setting.values(metric).values())) for row in table.rows)
    means = [np.mean(list(row.setting.values(metric).values())) for row in table.rows]
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    apart = f"seeds of one setting lie up to {seeds_apart:.4f} apart"
    if all(row.spread.count == 1 for row in table.rows):
        apart = "one seed each, so how far seeds lie apart is not known"
    figure.suptitle(f"{metric}: {apart},\nthe means of the settings up to {np.ptp(means):.4f}")
    axes = figure.subplots()
    width = 0.8 / len(groups)
    for number, (values, rows) in enumerate(groups.items()):
        look = SERIES[number % len(SERIES)]
        label = ", ".join(f"{name} {written(value)}" for name, value in zip(others, values, strict=True))
        for row in rows:
            seeds = np.array(list(row.setting.values(metric).values()))
            centre = rates.index(row.setting.params.dropout) + (number - (len(groups) - 1) / 2) * width
            spread_out = np.linspace(-0.3, 0.3, len(seeds)) * width  # by seed, so that dots do not hide each other
            axes.scatter(centre + spread_out, seeds, s=16, color=look["color"], label=label)
            axes.plot([centre - width * 0.4, centre + width * 0.4], [seeds.mean()] * 2, color="black", linewidth=1.5)
            label = None
    axes.set_xticks(range(len(rates)), map(written, rates))
    axes.set(xlabel="dropout rate (dots: seeds, lines: their means)", ylabel=metric)
    if others:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def _picture(figure: Figure) -> Picture:
    buffer = io.BytesIO()
    save_png(figure, buffer)
    return of_figure(figure, buffer.getvalue())


def page(table: Table) -> str:
    """plots/comparison.html."""
    use_style()
    drawn = {
        "differences": differences(table) if any(row.comparison for row in table.rows) else None,
        "map": heat_map(table),
        "dots": dots(table, "validation.accuracy"),
    }
    figures = {name: figure and _picture(figure) for name, figure in drawn.items()}
    same = {name: value for name, value in table.baseline.setting.params if name not in (*table.varied, "seed")}
    return render(
        Path(__file__).with_name("comparison.html"),
        table=table,
        headline=headline(table),
        figures=figures,
        conclusion=conclusion(table),
        method=method(table),
        same={name: written(value) for name, value in same.items()},
    )

"""Describe when dropout pays: its effect for each network, rate and number of images, in a table, a figure, a page."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seeds.comparison import lower_is_better
from seeds.statistics import Comparison, Spread, compare
from stages.base.files import load_json, save_csv, unusable
from stages.base.inputs import Inputs
from stages.base.params import written
from stages.base.process import outputs, run
from stages.report.pages import render
from stages.report.style import NETWORKS, WIDTH, save_png, shade_better, use_style
from study.sizes.grid import GRID, MEASURED, TABLES, Cell, Claim, Grid, read_grid
from study.wording import PAGES

FOLDER, DATA = Path("study/sizes"), Path("metrics/data.json")
APART = 1.2  # of two networks with the same number of images, on a logarithmic axis

Values = dict[tuple[Cell, bool], dict[str, np.ndarray]]  # (cell, with early stopping) -> value -> [seeds]
Effects = dict[Claim, dict[Cell, Comparison]]  # each cell with dropout, compared with the one without
Lines = dict[str, dict[int, Comparison]]  # network -> number of training images -> the effect of dropout


def load_values(grid: Grid) -> Values:
    """Read the measured values, in the order of the seeds; raise UserError if a table does not match sizes.yaml."""
    values: Values = {}
    for kind, path in TABLES.items():
        table = pd.read_csv(path)
        keys = [*Cell._fields, "early_stopping"]
        trained = list(table[["seed", *keys]].itertuples(index=False, name=None))
        expected = [(seed, *cell, stops) for seed, cell in grid.runs(kind) for stops in (False, True)]
        epochs = set(table.loc[~table["early_stopping"], "epochs"])
        if trained != expected or epochs != {subject.epochs for subject in grid.of_kind(kind).values()}:
            raise unusable(path, f"its networks, images, rates, seeds or epochs are not those of {GRID}")
        for (*cell, stops), rows in table.groupby(keys, sort=False):
            values[Cell(*cell), stops] = {name: rows[name].to_numpy(float) for name in MEASURED}
    return values


def effects_of(grid: Grid, values: Values) -> Effects:
    """Compare each cell with dropout and the one without; a claim and a kind of network are one family."""
    effects: Effects = {}
    for claim in grid.claims:
        effects[claim] = {}
        for kind in TABLES:
            differences = {
                cell: row[claim.value] - values[cell._replace(dropout=0), stops][claim.value]
                for (cell, stops), row in values.items()
                if cell.dropout and cell.network in grid.of_kind(kind) and stops == claim.early_stopping
            }
            effects[claim] |= compare(differences)
    return effects


def pays(claim: Claim, comparison: Comparison) -> bool:
    """Return whether the difference is significant and on the better side."""
    return comparison.is_significant and (comparison.difference.mean < 0) == lower_is_better(claim.value)


def difference(comparison: Comparison | None) -> str:
    """Return a cell of a table: the difference and half its interval, bold where significant, and p."""
    if not comparison:
        return ""
    row = comparison.difference
    bold = "**" if comparison.is_significant else ""
    return f"{bold}{row.mean:+.4f}{bold} ± {row.high - row.mean:.4f}, p {comparison.adjusted_p:.3f}"


def finding(lines: Lines) -> str:
    """Describe what dropout does to a loss with few and with many images."""
    few = [line[min(line)] for line in lines.values()]
    many = {network: line[max(line)] for network, line in lines.items()}
    lowers = any(effect.is_significant and effect.difference.mean < 0 for effect in few)
    raises = [network for network, effect in many.items() if effect.is_significant and effect.difference.mean > 0]
    on_few = "lowers the loss with few images" if lowers else "is not shown to lower the loss with few images"
    return f"Dropout {on_few}" + (f" and raises it with many for {', '.join(raises)}" if raises else "")


def lines_of(grid: Grid, effects: dict[Cell, Comparison]) -> Lines:
    """Return the effects of each network's highest rate."""
    return {
        subject.title.en: {images: effects[Cell(name, images, subject.rates[-1])] for images in subject.images}
        for name, subject in grid.networks.items()
    }


def effects_of_dropout(grid: Grid, effects: Effects) -> Figure:
    """Draw the claims that have a panel: means over the seeds with 95% intervals, filled where significant."""
    claims = [claim for claim in grid.claims if claim.panel]
    figure = Figure(figsize=(WIDTH, 5), layout="constrained")
    method = "means of seeds with 95% intervals; filled: significant after Holm's correction"
    figure.suptitle(f"{finding(lines_of(grid, effects[claims[0]]))}\n{method}")
    for axes, claim in zip(figure.subplots(1, len(claims), squeeze=False)[0], claims, strict=True):
        unit = 1 if lower_is_better(claim.value) else 100  # percentage points of accuracy
        axes.axhline(0, color="black", linewidth=1)
        lines = lines_of(grid, effects[claim])
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
        shade_better(axes, "y", lower_is_better(claim.value))
        axes.set(title=f"{claim.panel}\n(shaded: dropout helps)", xlabel="training images, thousands", xscale="log")
        ticks = sorted({images for line in lines.values() for images in line})
        axes.set_xticks(ticks, [f"{images / 1000:g}" for images in ticks])
        axes.minorticks_off()
        axes.set_ylabel("difference (nats)" if unit == 1 else "difference (percentage points)")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def main() -> None:
    """study/sizes/{dense,cnn}.csv -> study/sizes/effects.csv, dropout.png, README.md, README.ko.md."""
    inputs = Inputs("sizes-effects", "study/dvc.yaml")
    grid = read_grid()
    values = load_values(grid)
    effects = effects_of(grid, values)
    paying = {claim: sum(pays(claim, each) for each in of_claim.values()) for claim, of_claim in effects.items()}
    page = {
        "grid": grid,
        "data": load_json(DATA),
        "first": next(iter(grid.networks.values())),
        "sizes": sorted({images for subject in grid.networks.values() for images in subject.images}),
        "difference": difference,
        "families": {grid.networks[cell.network].network: of_cell for cell, of_cell in effects[grid.claims[0]].items()},
        "effects": effects,
        "paying": paying,
        "mean": lambda name, *cell, stopping=False: values[Cell(*cell), stopping][name].mean(),
        "cell": Cell,
        "written": written,
    }
    use_style()
    drawn = effects_of_dropout(grid, effects)
    with outputs(inputs) as begin:
        save_csv(
            begin(FOLDER / "effects.csv"),
            ["value", "early_stopping", *Cell._fields, *Spread._fields, *Comparison._fields[1:]],
            (
                [claim.value, written(claim.early_stopping), cell.network, cell.images, written(cell.dropout),
                 *comparison.difference, *comparison[1:]]
                for claim, of_claim in effects.items()
                for cell, comparison in of_claim.items()
            ),
        )  # fmt: skip
        save_png(drawn, begin(FOLDER / "dropout.png"))
        for name in PAGES:
            begin(FOLDER / name).write_text(render(FOLDER / f"{name}.jinja", **page), encoding="utf-8")
    for claim, count in paying.items():
        print(f"{claim.claim.en}: in {count} of {len(effects[claim])} comparisons")


if __name__ == "__main__":
    run(main)

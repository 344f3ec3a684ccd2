"""Describe when dropout pays: its effect for each network, rate and number of images, in a table, a figure, a page."""

from pathlib import Path

import numpy as np
import pandas as pd

from seeds.statistics import Comparison, Spread, compare
from stages.base.files import load_json, save_csv, unusable
from stages.base.inputs import Inputs
from stages.base.params import written
from stages.base.process import outputs, run
from stages.report.pages import render
from stages.report.style import save_png, use_style
from study.sizes.grid import GRID, MEASURED, TABLES, Cell, Grid, read_grid
from study.sizes.picture import Effect, effects_of_dropout
from study.wording import PAGES

FOLDER, DATA = Path("study/sizes"), Path("metrics/data.json")

# (cell, with early stopping) -> value -> [seeds]
Values = dict[tuple[Cell, bool], dict[str, np.ndarray]]


def load_values(grid: Grid) -> Values:
    """Read the measured values, in the order of the seeds.

    Raises:
        UserError: a table has other networks, images, rates, seeds or epochs than sizes.yaml.
    """
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


def effects_of(grid: Grid, values: Values) -> list[Effect]:
    """Return the effect of each claim in each cell with dropout; a claim and a kind of network are one family."""
    effects = []
    for claim in grid.claims:
        for kind in TABLES:
            differences = {
                cell: row[claim.value] - values[cell._replace(dropout=0), stops][claim.value]
                for (cell, stops), row in values.items()
                if cell.dropout and cell.network in grid.of_kind(kind) and stops == claim.early_stopping
            }
            effects += [Effect(claim, cell, comparison) for cell, comparison in compare(differences).items()]
    return effects


def difference(effect: Effect | None) -> str:
    """Return a cell of a table: the difference and half its interval, bold where significant, and p."""
    if not effect:
        return ""
    row = effect.comparison.difference
    bold = "**" if effect.comparison.is_significant else ""
    return f"{bold}{row.mean:+.4f}{bold} ± {row.high - row.mean:.4f}, p {effect.comparison.adjusted_p:.3f}"


def families(grid: Grid) -> list[tuple[str, int, int]]:
    """Return each kind of network, its seeds, and the comparisons that are corrected together."""
    return [
        (kind, min(each.seeds for each in subjects), sum(len(each.images) * len(each.rates) for each in subjects))
        for kind in TABLES
        if (subjects := list(grid.of_kind(kind).values()))
    ]


def main() -> None:
    """study/sizes/{dense,cnn}.csv -> study/sizes/effects.csv, dropout.png, README.md, README.ko.md."""
    inputs = Inputs("sizes-effects", "study/dvc.yaml")
    grid = read_grid()
    values = load_values(grid)
    effects = effects_of(grid, values)
    by_claim = {claim: [effect for effect in effects if effect.claim == claim] for claim in grid.claims}
    first = next(iter(grid.networks.values()))
    page = {
        "grid": grid,
        "data": load_json(DATA),
        "epochs": first.epochs,
        "patience": first.patience,
        "sizes": sorted({images for subject in grid.networks.values() for images in subject.images}),
        "effect": {(effect.claim, effect.cell): effect for effect in effects}.get,
        "difference": difference,
        "families": families(grid),
        "effects": by_claim,
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
                for claim, cell, comparison in effects
            ),
        )  # fmt: skip
        save_png(drawn, begin(FOLDER / "dropout.png"))
        for name in PAGES:
            begin(FOLDER / name).write_text(render(FOLDER / f"{name}.jinja", **page), encoding="utf-8")
    for claim, of_claim in by_claim.items():
        print(f"{claim.claim.en}: in {sum(effect.pays for effect in of_claim)} of {len(of_claim)} comparisons")


if __name__ == "__main__":
    run(main)

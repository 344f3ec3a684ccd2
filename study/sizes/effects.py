"""Say in tables, a figure and plain words when dropout pays: what it does for each network, rate and size."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from stages.base.files import load_csv, load_json, save_csv, unusable
from stages.base.inputs import Inputs
from stages.base.params import written
from stages.base.process import outputs, run
from stages.experiments.significance import Comparison, Spread, compare, verdict
from stages.report.pages import render
from stages.report.style import save_png, use_style
from study.sizes.grid import GRID, MEASURED, Cell, Claim, Grid, read_grid
from study.sizes.picture import Line, dropout_pays

DATA = Path("metrics/data.json")
PAGES = ("README.md", "README.ko.md")

# (cell, with early stopping) -> value -> [seeds]
Values = dict[tuple[Cell, bool], dict[str, np.ndarray]]


class Effect(NamedTuple):
    """What dropout did to the value of a claim: in a cell, beside the same without dropout."""

    claim: Claim
    cell: Cell
    found: Comparison

    @property
    def pays(self) -> bool:
        """Whether the claim is shown to be so."""
        return self.found.is_shown and (self.found.difference.mean < 0) == (self.claim.pays == "lower")

    @property
    def told(self) -> str:
        """In words, whether it is so."""
        less, more = ("yes", "no: it is higher") if self.claim.pays == "lower" else ("no: it is lower", "yes")
        return verdict(self.found, less, more)


def load_values(grid: Grid) -> Values:
    """What was measured, in the order of the seeds.

    Raises:
        UserError: a table is not of this grid.
    """
    values: dict[tuple[Cell, bool], dict[str, list[float]]] = {}
    columns = {"network": str, "images": int, "dropout": float, "seed": int, "early_stopping": str}
    for kind in grid.kinds():
        path, there = Path(f"study/sizes/{kind}.csv"), []
        for row in load_csv(path, columns | dict.fromkeys(MEASURED, float)):
            key = Cell(row["network"], row["images"], row["dropout"]), row["early_stopping"] == "true"
            there.append((row["seed"], *key))
            for name in MEASURED:
                values.setdefault(key, {}).setdefault(name, []).append(row[name])
        if there != [(seed, cell, stopping) for seed, cell in grid.runs(kind) for stopping in (False, True)]:
            raise unusable(path, f"it is not of the networks in {GRID}")
    return {key: {name: np.array(seeds) for name, seeds in row.items()} for key, row in values.items()}


def effects(grid: Grid, values: Values) -> list[Effect]:
    """Each claim for each cell with dropout; those of a claim and a kind of network are corrected together."""
    found = []
    for claim in grid.claims:
        for kind in grid.kinds():
            differences = {
                cell: row[claim.value] - values[cell._replace(dropout=0), stopping][claim.value]
                for (cell, stopping), row in values.items()
                if cell.dropout and cell.network in grid.of_kind(kind) and stopping == claim.early_stopping
            }
            found += [Effect(claim, cell, comparison) for cell, comparison in compare(differences).items()]
    return found


def figure(grid: Grid, found: list[Effect]) -> Figure:
    """What each network's highest rate did to the values that have a panel."""

    def line(claim: Claim, name: str) -> Line:
        subject = grid.networks[name]
        rate = subject.dropout[-1]
        of = [each for each in found if (each.claim, each.cell.network, each.cell.dropout) == (claim, name, rate)]
        return Line(
            f"{subject.title}, dropout {written(rate)}",
            [each.cell.images for each in of],
            [each.found.difference for each in of],
            [each.found.is_shown for each in of],
        )

    drawn = [claim for claim in grid.claims if claim.panel]
    return dropout_pays({(claim.panel, claim.pays): [line(claim, name) for name in grid.networks] for claim in drawn})


def families(grid: Grid, kind: str) -> tuple[str, int, int]:
    """A kind of network, its seeds, and how many of its comparisons are corrected together."""
    subjects = grid.of_kind(kind).values()
    comparisons = sum(len(subject.images) * len(subject.dropout) for subject in subjects)
    return kind, min(subject.seeds for subject in subjects), comparisons


def difference(effect: Effect | None) -> str:
    """A table's cell: the difference and half its interval, bold where it is shown to be more than luck; p."""
    if not effect:
        return ""
    row = effect.found.difference
    bold = "**" if effect.found.is_shown else ""
    return f"{bold}{row.mean:+.4f}{bold} ± {row.high - row.mean:.4f}, p {effect.found.adjusted_p:.3f}"


def page(name: str, grid: Grid, values: Values, found: list[Effect]) -> str:
    """The page of this name, in its language."""
    return render(
        Path(f"study/sizes/{name}.jinja"),
        grid=grid,
        data=load_json(DATA, "dataset", "train", "val"),
        epochs=next(iter(grid.networks.values())).params.epochs,
        patience=next(iter(grid.networks.values())).params.patience,
        sizes=sorted({images for subject in grid.networks.values() for images in subject.images}),
        effect={(each.claim, each.cell): each for each in found}.get,
        difference=difference,
        families=[families(grid, kind) for kind in grid.kinds()],
        effects={claim: [each for each in found if each.claim == claim] for claim in grid.claims},
        mean=lambda name, *cell, stopping=False: values[Cell(*cell), stopping][name].mean(),
        cell=Cell,
        written=written,
    )


def main() -> None:
    """Tables in study/sizes/ -> study/sizes/effects.csv, dropout.png, README.md, README.ko.md."""
    inputs = Inputs("sizes-effects", "study/dvc.yaml")
    grid = read_grid()
    values = load_values(grid)
    found = effects(grid, values)
    use_style()
    drawn = figure(grid, found)
    with outputs(inputs.stop_if_changed) as begin:
        save_csv(
            begin(Path("study/sizes/effects.csv")),
            ["value", "early_stopping", *Cell._fields, *Spread._fields, *Comparison._fields[1:]],
            (
                [
                    each.claim.value,
                    written(each.claim.early_stopping),
                    each.cell.network,
                    each.cell.images,
                    written(each.cell.dropout),
                    *each.found.difference,
                    *each.found[1:],
                ]
                for each in found
            ),
        )
        save_png(drawn, begin(Path("study/sizes/dropout.png")))
        for name in PAGES:
            begin(Path(f"study/sizes/{name}")).write_text(page(name, grid, values, found), encoding="utf-8")
    for claim in grid.claims:
        of = [each for each in found if each.claim == claim]
        print(f"{claim.claim}: shown in {sum(each.pays for each in of)} of {len(of)} comparisons")


if __name__ == "__main__":
    run(main)

"""A table of all experiments, of whatever commit, what differs only in the seed together: `make experiments`.

The lowest mean validation loss comes first; settings of other images are in tables of their own. `dvc exp show` has
every column and every seed, but also those that failed, and those of which the parameters are not what was run.
"""

import sys
from itertools import groupby
from typing import NamedTuple

from rich.console import Console
from rich.table import Column, Table

from stages.base.errors import UserError
from stages.base.params import DataParams, Params, in_words, written
from stages.base.process import run
from stages.experiments.comparison import LEAST, baseline_of, by_parameters, settings
from stages.experiments.records import Experiment, committed_params, succeeded
from stages.experiments.significance import Spread, spread

METRIC = "val_loss"


class Group(NamedTuple):
    """The experiments of one setting, of one version of the code and data."""

    params: Params  # with seed 0
    spread: Spread  # of the validation loss
    commit: str  # on which the first of them stands
    name: str  # of the first of them, by its seed


def grouped(experiments: list[Experiment]) -> tuple[list[Group], list[str]]:
    """What differs only in the seed, together; and what is said of what is left out."""

    def version(each: Experiment) -> list[tuple[str, str]]:
        return sorted((name, str(value)) for name, value in each.version.items())

    groups, notes = [], []
    for _, of_version in groupby(sorted(experiments, key=version), version):
        these = list(of_version)
        found, said = settings(these)
        notes += said
        for params, setting in found.items():
            values = setting.values(METRIC)
            first = next(each for each in these if each.params == params.model_copy(update={"seed": min(values)}))
            groups.append(Group(params, spread(list(values.values())), first.commit, first.name))
    return groups, notes


def ranked(groups: list[Group]) -> tuple[list[Group], list[Group]]:
    """Those with seeds enough to be ranked, the lowest mean first; and the others, by their parameters.

    One lucky seed must not lead: a setting is ranked if it has at least half as many seeds as the one with the most.
    """
    least = max(LEAST, max(each.spread.count for each in groups) / 2)
    enough = [each for each in groups if each.spread.count >= least]
    others = [each for each in groups if each.spread.count < least]
    return sorted(enough, key=lambda each: each.spread.mean), sorted(
        others, key=lambda each: by_parameters(each.params)
    )


def table(groups: list[Group], base: Params, varied: list[str]) -> Table:
    """Settings of the same images, in this order. What was varied comes first: at 80 columns all is in view.

    Args:
        groups: the settings.
        base: the one that is marked.
        varied: in what they differ.
    """
    name = Column("experiment", overflow="fold")  # whole, since `dvc exp apply` takes it
    others = (Column(head, no_wrap=True) for head in (*varied, "seeds", METRIC, "±", "commit"))
    shown = Table(*others, name, box=None, pad_edge=False, collapse_padding=True)
    for each in groups:
        count, mean, _, _, high = each.spread
        half = f"{high - mean:.4f}" if count > 1 else ""
        values = (written(getattr(each.params, name)) for name in varied)
        mark = " (baseline)" * (each.params == base)
        shown.add_row(*values, str(count), f"{mean:.4f}", half, each.commit[:7], each.name + mark)
    return shown


def show(groups: list[Group], committed: Params, console: Console) -> None:
    """Print the settings of the same images: those that are ranked, and below them the others."""
    base = baseline_of(groups[0].params, committed)
    varied = [
        name
        for name in Params.model_fields
        if any(getattr(each.params, name) != getattr(base, name) for each in groups)
    ]
    images = [name for name in DataParams.model_fields if getattr(base, name) != getattr(committed, name)]
    if images:
        console.print(f"\nOn other images, so not to be ranked with others: {in_words(base, images)}\n", markup=False)
    first, rest = ranked(groups)
    if first:
        console.print(table(first, base, varied))
    if rest:
        line = "Not ranked, since one training proves little; ten seeds: make try\n"
        console.print("\n" * bool(first) + line)
        console.print(table(rest, base, varied))


def main() -> None:
    """DVC's experiments -> tables on the terminal."""
    experiments, notes = succeeded()
    if not experiments and not notes:
        raise UserError("experiments: none is there that succeeded; to run one: dvc exp run -S dropout=0.5")
    committed = committed_params()
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    groups, more = grouped(experiments)
    by_images: dict[Params, list[Group]] = {}
    for group in groups:
        by_images.setdefault(baseline_of(group.params, committed), []).append(group)
    for base in sorted(
        by_images, key=lambda base: (base != committed.model_copy(update={"seed": 0}), by_parameters(base))
    ):
        show(by_images[base], committed, console)
    if groups:
        notes = [f"{METRIC}: the mean over the seeds, ± half its 95% interval; experiment: of the first seed", *notes]
    for note in (*notes, *more):
        console.print(f"\n{note}", markup=False)


if __name__ == "__main__":
    run(main)

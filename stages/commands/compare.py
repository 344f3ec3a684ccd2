"""Compare the experiments that are there, seed by seed, with what luck alone would do: `make compare`.

By itself: python -m stages.commands.compare --metric test.accuracy --baseline dropout=0,patience=5. Exit code 2: there
is nothing to compare.
"""

import argparse
import io
import itertools
import sys
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table as Printed

from stages.core.artifacts import outputs, save_csv
from stages.core.comparison import Table, choosable, chosen, compare_settings, lower_is_better
from stages.core.comparison_charts import differences, dots, heat_map
from stages.core.errors import UserError, run
from stages.core.experiments import committed_params, current_version, succeeded
from stages.core.pages import TEMPLATES, picture, render
from stages.core.params import Params, value_in_words
from stages.core.statistics import ALPHA, EXACT, Comparison, Spread, seeds_for, spread
from stages.core.style import save_png, use_style
from stages.core.yaml_files import checked, read_value

PAGE = Path("plots/comparison.html")
TABLE = Path("plots/comparison.csv")


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("--metric", default="validation.loss", help="as `dvc exp show` names it")
    parser.add_argument("--baseline", default="", metavar="NAME=VALUE,...", help="what differs from the committed one")
    return parser.parse_args(words)


def wanted_baseline(text: str, committed: Params) -> Params | None:
    """The committed parameters with "dropout=0,patience=5" changed; None for no text.

    Raises:
        UserError: that is no such list, or no such parameters.
    """
    pairs = [[part.strip() for part in pair.split("=")] for pair in text.split(",") if pair.strip()]
    if any(len(pair) != 2 or not all(pair) or pair[0] == "seed" for pair in pairs) or len(dict(pairs)) < len(pairs):
        raise UserError(f"compare: the baseline must be NAME=VALUE,... without the seed, each name once, got {text!r}")
    values = {name: read_value(value, f"compare: the baseline: {name}") for name, value in pairs}
    return checked(committed.model_dump() | values, Params, "compare: the baseline") if values else None


def conclusion(table: Table) -> str:
    """Which setting is chosen, and what it gives on the test images: of no other setting are these looked at."""
    if not choosable(table.metric):
        return f"Nothing is chosen by {table.metric}: settings are chosen by validation images."
    found = chosen(table)
    if not found:
        return "Nothing is chosen: that takes two settings with two seeds in common."
    top, seeds = found
    beside = "" if top.setting == table.baseline.setting else f" Beside the baseline: {top.verdict}."
    values = {name: top.setting.values(f"test.{name}") for name in ("accuracy", "loss")}
    test = {name: spread([of[seed] for seed in seeds]) for name, of in values.items()}
    told = ", ".join(
        f"test {name} {of.mean:.4f}" + (f" ({_within(name, of)})" if of.sd else " with every seed")
        for name, of in test.items()
    )
    return (
        f"Chosen: {top.label}, which has the {'lowest' if lower_is_better(table.metric) else 'highest'} mean "
        f"{table.metric}.{beside} On the test images, told for this setting alone: {told}; "
        f"mean and 95% interval of {len(seeds)} seeds."
    )


def _within(name: str, of: Spread) -> str:
    """The interval, without what no such figure can be: with two seeds Student's is wide."""
    return f"{max(of.low, 0):.4f} to {min(of.high, 1) if name == 'accuracy' else of.high:.4f}"


def method(table: Table) -> str:
    """How the figures were made, and how small p can be."""
    made = [row.comparison for row in table.rows if row.comparison]
    if not made:
        return "There is nothing beside the baseline to compare: it takes two settings with two seeds each."
    count, least = len(made), min(comparison.smallest_p for comparison in made)
    exact = "exact " if max(comparison.difference.count for comparison in made) <= EXACT else ""
    text = (
        "Differences are paired by seed. The interval (95%, Student's) is of one difference by itself. p is for all "
        f"{count} together: the {exact}sign-flip test with Holm's correction. With these seeds it cannot go below "
        f"{least:.2g}"
    )
    text += f"; to show anything it takes {seeds_for(count)} seeds." if least > ALPHA else "."
    params = table.baseline.setting.params
    monitored = params.monitor.replace("val_", "validation.") == table.metric.replace("val_", "validation.")
    if monitored and params.save_best_only and "patience" in table.names and "monitor" not in table.names:
        text += f" {table.metric} also chose the epoch that is kept: more patience can only improve it."
    return text


def printed(table: Table) -> Printed:
    """The table for the terminal."""
    shown = Printed("setting", "seeds", "mean", "sd", "pairs", "difference", "95% interval", "p", "verdict", box=None)
    for row in table.rows:
        cells = [row.label, str(row.spread.count), f"{row.spread.mean:.4f}"]
        cells.append(f"{row.spread.sd:.4f}" if row.spread.count > 1 else "")
        if row.comparison:
            of = row.comparison.difference
            interval = f"{of.low:+.4f} to {of.high:+.4f}"
            cells += [str(of.count), f"{of.mean:+.4f}", interval, f"{row.comparison.adjusted_p:.3f}"]
        else:
            cells += [""] * 4
        shown.add_row(*cells, row.verdict)
    return shown


def png(figure: Figure) -> bytes:
    """A figure as a file."""
    buffer = io.BytesIO()
    save_png(figure, buffer)
    return buffer.getvalue()


def page(table: Table) -> str:
    """plots/comparison.html."""
    use_style()
    drawn = {
        "differences": differences(table) if any(row.comparison for row in table.rows) else None,
        "map": heat_map(table),
        "dots": dots(table, "validation.accuracy"),
    }
    figures = {name: figure and picture(png(figure), figure.get_suptitle()) for name, figure in drawn.items()}
    same = {name: value for name, value in table.baseline.setting.params if name not in (*table.names, "seed")}
    return render(
        TEMPLATES / "comparison.html",
        table=table,
        figures=figures,
        conclusion=conclusion(table),
        method=method(table),
        same={name: value_in_words(value) for name, value in same.items()},
    )


def main() -> None:
    """DVC's experiments -> a table on the terminal, plots/comparison.{html,csv}."""
    options = arguments()
    committed = committed_params()
    wanted = wanted_baseline(options.baseline, committed)
    print("reading DVC's experiments ...", file=sys.stderr, flush=True)  # a second for every ten, the first time
    experiments, notes = succeeded()
    if not experiments:
        raise UserError("compare: no experiment is there that succeeded; to run some: make sweep")
    table = compare_settings(experiments, options.metric, committed, wanted, current_version(Path()))
    table = table._replace(notes=[*notes, *table.notes])
    tests = Comparison._fields[1:]
    with outputs() as begin:
        save_csv(
            begin(TABLE),
            [*table.names, *Spread._fields, *(f"difference_{name}" for name in Spread._fields), *tests],
            (
                [*(getattr(row.setting.params, name) for name in table.names), *row.spread,
                 *(itertools.chain(row.comparison.difference, row.comparison[1:]) if row.comparison else [])]
                for row in table.rows
            ),
        )  # fmt: skip
        begin(PAGE).write_text(page(table), encoding="utf-8")
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    print(f"\n{table.metric}, {'lower' if lower_is_better(table.metric) else 'higher'} is better\n")
    console.print(printed(table))
    for line in (method(table), conclusion(table), *table.notes, f"The same with pictures: {PAGE}"):
        console.print(f"\n{line}", soft_wrap=False, markup=False)


if __name__ == "__main__":
    run(main)

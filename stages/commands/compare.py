"""Compare the experiments that are there, seed by seed, with what luck alone would do: `make compare`.

By itself: python -m stages.commands.compare --metric test.accuracy --baseline dropout=0,patience=5. Exit code 2: there
is nothing to compare.
"""

import argparse
import itertools
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table as Printed

from stages.base.errors import UserError
from stages.base.files import save_csv
from stages.base.params import Params, in_words
from stages.base.process import outputs, run
from stages.base.yaml_files import checked, read_value
from stages.experiments.comparison import Table, compare_settings, conclusion, lower_is_better, method
from stages.experiments.comparison_page import page
from stages.experiments.records import committed_params, current_version, succeeded
from stages.experiments.significance import Comparison, Spread

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
    if any(len(pair) != 2 or not pair[0] or pair[0] == "seed" for pair in pairs) or len(dict(pairs)) < len(pairs):
        raise UserError(f"compare: the baseline must be NAME=VALUE,... without the seed, each name once, got {text!r}")
    values = {name: read_value(value, f"compare: the baseline: {name}") for name, value in pairs}
    return checked(committed.model_dump() | values, Params, "compare: the baseline") if values else None


WIDE = 130  # columns, in which every figure and a verdict on two lines have room


def printed(table: Table, width: int) -> Printed:
    """The table for a terminal of so many columns; in a narrow one without what the page has too.

    A setting is told by what differs from the baseline, so that any number of parameters may be varied.
    """
    shown = Printed("setting", box=None, pad_edge=False, collapse_padding=True)
    wide = width >= WIDE
    figures = ("sd", "pairs", "difference", "95% interval", "p") if wide else ("difference (95%)",)
    for head in ("seeds", "mean", *figures):
        shown.add_column(head, no_wrap=True)
    shown.add_column("verdict", no_wrap=not wide, min_width=40 if wide else None)
    beside = table.baseline.setting.params
    for row in table.rows:
        params = row.setting.params
        differing = [name for name in table.varied if getattr(params, name) != getattr(beside, name)]
        label = in_words(params, differing) if differing else row.label
        cells = [label, str(row.spread.count), f"{row.spread.mean:.4f}"]
        if wide:
            cells.append(f"{row.spread.sd:.4f}" if row.spread.count > 1 else "")
        if row.comparison:
            found = row.comparison.difference
            interval = f"{found.low:+.4f} to {found.high:+.4f}"
            figures = [str(found.count), f"{found.mean:+.4f}", interval, f"{row.comparison.adjusted_p:.3f}"]
            cells += figures if wide else [interval]
        else:
            cells += [""] * (4 if wide else 1)
        shown.add_row(*cells, row.verdict if wide else row.verdict.split(" (")[0])
    return shown


def main() -> None:
    """DVC's experiments -> a table on the terminal, plots/comparison.{html,csv}."""
    options = arguments()
    committed = committed_params()
    wanted = wanted_baseline(options.baseline, committed)
    print("reading DVC's experiments ...", file=sys.stderr, flush=True)  # some seconds, of a hundred
    experiments, notes = succeeded()
    if not experiments:
        raise UserError("compare: no experiment is there that succeeded; to run some: make sweep")
    table = compare_settings(experiments, options.metric, committed, wanted, current_version(Path()))
    table = table._replace(notes=[*notes, *table.notes])
    tests = Comparison._fields[1:]
    with outputs() as begin:
        save_csv(
            begin(TABLE),
            [*table.varied, *Spread._fields, *(f"difference_{name}" for name in Spread._fields), *tests],
            (
                [*(getattr(row.setting.params, name) for name in table.varied), *row.spread,
                 *(itertools.chain(row.comparison.difference, row.comparison[1:]) if row.comparison else [])]
                for row in table.rows
            ),
        )  # fmt: skip
        begin(PAGE).write_text(page(table), encoding="utf-8")
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    print(f"\n{table.metric}, {'lower' if lower_is_better(table.metric) else 'higher'} is better\n")
    console.print(printed(table, console.width))
    for line in (method(table), conclusion(table), *table.notes, f"The same with pictures: {PAGE}"):
        console.print(f"\n{line}", soft_wrap=False, markup=False)


if __name__ == "__main__":
    run(main)

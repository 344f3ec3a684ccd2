"""The results as a page of Markdown."""

from collections.abc import Sequence
from typing import Any

from benchmarks.rounds import DROPOUT, PATIENCE, REPRO

PAGE = """# Benchmark: this project beside the notes' plain Keras script

{about}

{machine}

Medians of {runs} rounds, the least and the most in brackets; every figure is of a process of its own, the plain script
and ours in turn. Both train {epochs} epochs on the same images, batch 32, Adam, dropout 0.3, without early stopping.
The plain script (`benchmarks/notes.py`) is `fit` on float64 arrays; its seconds and memory are those of the whole
process, from import to evaluation. Peak memory is the resident memory of the largest process of a command.

{rows}

The floor of an epoch is {products:.3f} s of matrix products and {adam:.3f} s of fused Adam updates; our epoch reaches
{share:.0%} of that speed.

## Growth

{growth}

## What the seconds of the dvc runs are spent on

Seconds, medians. `dvc` is what comes before the first stage; a stage counts with what DVC does after
it: saving its outputs and, after the last one, the experiment.

{spans}
"""
RESULT = "Written by `make bench`."
NO_RESULT = "**Not a result: a quick run on few images, to see that the benchmark works.**"


def number(value: float | None, unit: str = "s") -> str:
    """A figure with the digits that mean something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if unit == "MB" else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def with_spread(values: dict[str, float] | None, unit: str) -> str:
    """The median, and the least and the most in brackets."""
    if values is None:
        return "-"
    median, least, most = (number(values[name], unit) for name in ("median", "min", "max"))
    return f"{median} {unit}" if least == most else f"{median} {unit} ({least} to {most})"


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(row: dict[str, Any]) -> list[str]:
    beside = with_spread(row["beside"], row["unit"])
    return [
        row["name"],
        with_spread(row["ours"], row["unit"]),
        f"{row['beside_name']}: {beside}" if row["beside"] else beside,
        number(row["ratio"]),
        row["target"] or "-",
        {True: "yes", False: "**no**", None: "-"}[row["reached"]],
    ]


def page(results: dict[str, Any]) -> str:
    """The page for `table.results`."""
    runs = (REPRO, DROPOUT, PATIENCE)
    parts = [[row["part"], *(number(row[name]) for name in ("imports", *runs))] for row in results["spans"]]
    sums = [sum(row[name] or 0 for row in results["spans"]) for name in runs]
    return PAGE.format(
        about=NO_RESULT if results["quick"] else RESULT,
        machine="; ".join(f"{name} {value}" for name, value in results["machine"].items()),
        runs=results["runs"],
        epochs=results["epochs"],
        rows=table(
            ("", "ours", "beside", "ratio", "target", "reached"),
            [_row(row) for row in results["rows"]],
        ),
        products=results["floor"]["products"],
        adam=results["floor"]["adam"],
        share=results["floor"]["share_reached"],
        growth=table(
            ("images", "the data itself", "an epoch", "peak memory"),
            [
                [
                    f"{row['times']}x: {row['images']:,}",
                    f"{number(row['data_mb'], 'MB')} MB",
                    with_spread(row["seconds_an_epoch"], "s"),
                    with_spread(row["peak_mb"], "MB"),
                ]
                for row in results["growth"]
            ],
        ),
        spans=table(("", "its imports alone", *runs), [*parts, ["sum", "", *map(number, sums)]]),
    )

"""The results as a page of Markdown: figures in words for benchmarks/results.md.jinja."""

from pathlib import Path
from typing import Any

from benchmarks.rounds import DROPOUT, PATIENCE, REPRO
from stages.report.pages import render

TEMPLATE = Path(__file__).with_name("results.md.jinja")


def number(value: float | None, unit: str = "s") -> str:
    """A figure with the digits that mean something."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if unit == "MB" else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def ratio(value: float | None) -> str:
    """A ratio with a digit more than its target has, so that both can be held beside each other."""
    return "-" if value is None else f"{value:.3f}"


def with_spread(values: dict[str, float] | None, unit: str) -> str:
    """The median, and the least and the most in brackets."""
    if values is None:
        return "-"
    median, least, most = (number(values[name], unit) for name in ("median", "min", "max"))
    return f"{median} {unit}" if least == most else f"{median} {unit} ({least} to {most})"


def page(results: dict[str, Any]) -> str:
    """The page for `table.results`."""
    runs = (REPRO, DROPOUT, PATIENCE)
    sums = [sum(row[name] or 0 for row in results["spans"]) for name in runs]
    return render(TEMPLATE, **results, runs_of_dvc=runs, sums=sums, number=number, in_figures=ratio, spread=with_spread)

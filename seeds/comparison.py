"""Compare settings with a baseline, seed by seed, and report it: a table, a sentence, the choice of a setting."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from rich.table import Column, Table

from seeds.statistics import ALPHA, MANY, Comparison, compare, seeds_for, spread, verdict

METRICS = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
    "epochs": "number of epochs",
}


class Row(NamedTuple):
    """A setting and its comparison with the baseline."""

    setting: str
    mean: float  # of the metric
    comparison: Comparison | None  # None: the baseline itself, or fewer than two seeds in common with it


def compare_settings(trainings: pd.DataFrame, baseline: str, metric: str) -> list[Row]:
    """Compare every setting with a baseline, as one family; the table has columns `setting`, `seed` and the metric."""
    values = {setting: rows.set_index("seed")[metric] for setting, rows in trainings.groupby("setting", sort=False)}
    differences = {
        setting: (of_setting - values[baseline]).dropna().tolist()  # by seed
        for setting, of_setting in values.items()
        if setting != baseline
    }
    comparisons = compare({setting: sample for setting, sample in differences.items() if len(sample) > 1})
    return [Row(setting, by_seed.mean(), comparisons.get(setting)) for setting, by_seed in values.items()]


def lower_is_better(metric: str) -> bool:
    """Return whether a lower value is better: true for losses and for the number of epochs."""
    return not metric.endswith("accuracy")


def _verdict(comparison: Comparison, metric: str) -> str:
    lower, higher = ("better", "worse") if lower_is_better(metric) else ("worse", "better")
    return verdict(comparison, lower, higher)


def _short_verdict(comparison: Comparison, metric: str) -> str:
    if comparison.is_significant or comparison.is_zero:
        return _verdict(comparison, metric)
    if comparison.difference.count < seeds_for(comparison.comparisons):
        return "too few seeds"
    return f"needs {comparison.seeds_needed or f'>{MANY:,}'} seeds"


def printed(rows: Sequence[Row], baseline: str, metric: str) -> Table:
    """Return the table for a terminal of 80 columns."""
    table = Table(
        Column("setting", overflow="fold"),
        "mean",
        Column("difference (95% interval)", no_wrap=True),
        "p",
        "verdict",
        box=None, pad_edge=False, collapse_padding=True,
    )  # fmt: skip
    for setting, mean_of_setting, comparison in rows:
        cells = ["", "", "committed" if setting == baseline else "too few seeds"]
        if comparison:
            _, mean, _, low, high = comparison.difference
            interval = f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
            cells = [interval, f"{comparison.adjusted_p:.3f}", _short_verdict(comparison, metric)]
        table.add_row(setting, f"{mean_of_setting:.4f}", *cells)
    return table


def method(rows: Sequence[Row]) -> str:
    """Explain how the table was made and how small p can be."""
    made = [row.comparison for row in rows if row.comparison]
    if not made:
        return "Nothing to compare: that takes two settings with two seeds in common."
    least = min(each.smallest_p for each in made)
    takes = f"; significance takes {seeds_for(len(made))} seeds" if least > ALPHA else ""
    return (
        f"Differences are paired by seed. The interval belongs to one difference by itself; p comes from the "
        f"sign-flip test with Holm's correction for {len(made)} comparisons. With these seeds, p cannot be below "
        f"{least:.2g}{takes}. 'needs N seeds': not significant; about N seeds would confirm a difference of this size."
    )


def conclusion(trainings: pd.DataFrame, baseline: str, metric: str) -> str:
    """Choose the setting with the best mean over all seeds of the baseline, and report its test accuracy alone."""
    if not metric.startswith("val_"):
        return f"No setting is chosen by {METRICS[metric]}: choose by validation images."
    values = trainings.pivot(index="seed", columns="setting", values=[metric, "test_accuracy"])
    means = values[metric][values[metric][baseline].notna()].dropna(axis="columns").mean()
    best = means.idxmin() if lower_is_better(metric) else means.idxmax()
    accuracies = values["test_accuracy"][best].dropna().tolist()
    if len(accuracies) < 2 or len(means) < 2:
        return "No setting is chosen: that takes two settings with two seeds in common."
    _, mean, _, low, high = spread(accuracies)
    interval = f"95% interval {low:.4f} to {high:.4f}"
    return f"Best mean {METRICS[metric]}: {best}. Its test accuracy: {mean:.4f} ({interval})."


def sentence(question: str, row: Row, metric: str) -> str:
    """Answer a question of the form "dropout 0.5 instead of 0.3", in a sentence that a person can repeat."""
    if not row.comparison:
        return f"{question}: too few seeds to compare; it takes two"
    answer = f"{question}: {METRICS[metric]}"
    if row.comparison.is_zero:
        return f"{answer} {_verdict(row.comparison, metric)}"
    _, mean, _, low, high = row.comparison.difference
    change = f"{'lower' if mean < 0 else 'higher'} by {abs(mean):.4f} ({low:+.4f} to {high:+.4f})"
    return f"{answer} {change}: {_verdict(row.comparison, metric)}"

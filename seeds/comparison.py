"""Settings compared with a baseline, seed by seed: a table, a sentence, and what the numbers rest on."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from rich.table import Column, Table

from seeds.statistics import ALPHA, EXACT, Comparison, Spread, compare, seeds_for, spread, verdict

BASELINE = "committed"  # the verdict of the setting that all others are compared with
METRICS = {
    "loss": "training loss",
    "accuracy": "training accuracy",
    "val_loss": "validation loss",
    "val_accuracy": "validation accuracy",
    "test_loss": "test loss",
    "test_accuracy": "test accuracy",
    "epochs": "number of epochs",
}
# In the verdict column of a table.
SHORT = {
    "same": "identical",
    "few": "needs {seeds} seeds",
    "none": "needs {seeds} seeds",
    "about": "{number}",
    "over": ">{number}",
}
DIFFERENCE = "difference (95% interval)"


class Row(NamedTuple):
    """A setting beside the baseline."""

    setting: str
    spread: Spread  # of the metric
    comparison: Comparison | None  # None: the baseline itself, or fewer than two seeds in common with it


def compare_settings(trainings: pd.DataFrame, baseline: str, metric: str) -> list[Row]:
    """Compare every setting with a baseline, as one family.

    Args:
        trainings: a row per training, with the columns `setting`, `seed` and the metric.
        baseline: one of the settings.
        metric: one of `METRICS`.
    """
    values = {setting: rows.set_index("seed")[metric] for setting, rows in trainings.groupby("setting", sort=False)}
    differences = {
        setting: (of_setting - values[baseline]).dropna().tolist()  # by seed
        for setting, of_setting in values.items()
        if setting != baseline
    }
    comparisons = compare({setting: sample for setting, sample in differences.items() if len(sample) > 1})
    return [Row(setting, spread(by_seed.tolist()), comparisons.get(setting)) for setting, by_seed in values.items()]


def lower_is_better(metric: str) -> bool:
    """Return whether a lower value is better: a loss or a number of epochs, and no accuracy."""
    return not metric.endswith("accuracy")


def _verdict(row: Row, metric: str, **words: dict[str, str]) -> str:
    lower, higher = ("better", "worse") if lower_is_better(metric) else ("worse", "better")
    return verdict(row.comparison, lower, higher, **words)


def printed(rows: Sequence[Row], baseline: str, metric: str) -> Table:
    """Return the table for a terminal of 80 columns."""
    setting, verdict_of = Column("setting", overflow="fold"), Column("verdict", overflow="fold")
    difference = Column("difference (95% interval)", no_wrap=True)
    table = Table(setting, "mean", difference, "p", verdict_of, box=None, pad_edge=False, collapse_padding=True)
    for setting, of_setting, comparison in rows:
        cells = ["", "", BASELINE if setting == baseline else "too few seeds"]
        if comparison:
            difference = comparison.difference
            interval = f"{difference.mean:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
            row = Row(setting, of_setting, comparison)
            cells = [interval, f"{comparison.adjusted_p:.3f}", _verdict(row, metric, words=SHORT)]
        table.add_row(setting, f"{of_setting.mean:.4f}", *cells)
    return table


def method(rows: Sequence[Row]) -> str:
    """Explain how the table was made and how small p can be."""
    made = [row.comparison for row in rows if row.comparison]
    if not made:
        return "Nothing to compare: that takes two settings with two seeds in common."
    test = "the exact sign-flip test" if max(each.difference.count for each in made) <= EXACT else "the sign-flip test"
    least = min(each.smallest_p for each in made)
    text = (
        f"Differences are paired by seed. The interval belongs to one difference by itself; p comes from {test} with "
        f"Holm's correction for {len(made)} comparisons. With these seeds, p cannot be below {least:.2g}"
    )
    text += f"; significance takes {seeds_for(len(made))} seeds." if least > ALPHA else "."
    return f"{text} 'needs N seeds': not significant; about N seeds would confirm a difference of this size."


def conclusion(trainings: pd.DataFrame, baseline: str, metric: str) -> str:
    """Name the setting with the best mean on validation images, and its test accuracy: that of no other setting.

    Means are over the seeds of the baseline; a setting that lacks one of them is not considered.
    """
    if not metric.startswith("val_"):
        return f"No setting is chosen by {METRICS[metric]}: choose by validation images."
    values = trainings.pivot(index="seed", columns="setting", values=[metric, "test_accuracy"])
    means = values[metric][values[metric][baseline].notna()].dropna(axis="columns").mean()
    best = means.idxmin() if lower_is_better(metric) else means.idxmax()
    count, mean, _, low, high = spread(values["test_accuracy"][best].dropna().tolist())
    if count < 2 or len(means) < 2:
        return "No setting is chosen: that takes two settings with two seeds in common."
    interval = f"{max(low, 0):.4f} to {min(high, 1):.4f}"
    return f"Best mean {METRICS[metric]}: {best}. Its test accuracy: {mean:.4f} (95% interval {interval})."


def sentence(question: str, row: Row, metric: str) -> str:
    """Answer a question of the form "dropout 0.5 instead of 0.3", in a sentence that a person can repeat."""
    if not row.comparison:
        return f"{question}: too few seeds to compare; it takes two"
    difference, name = row.comparison.difference, METRICS[metric]
    if not difference.mean and not difference.sd:
        return f"{question}: {name} {_verdict(row, metric)}"
    size = f"{'lower' if difference.mean < 0 else 'higher'} by {_rounded(abs(difference.mean), difference)}"
    return f"{question}: {name} {size} ({_interval(difference)}): {_verdict(row, metric)}"


def _rounded(value: float, difference: Spread) -> str:
    """Round to two digits of half the interval; more would be noise."""
    half = max(difference.high - difference.mean, 1e-5)
    return f"{value:.{max(0, 1 - math.floor(math.log10(half)))}f}"


def _interval(difference: Spread) -> str:
    low, high = (_rounded(abs(end), difference) for end in (difference.low, difference.high))
    if difference.low < 0 < difference.high:
        return f"{low} lower to {high} higher"
    return f"{low} to {high}" if difference.low > 0 else f"{high} to {low}"

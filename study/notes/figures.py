"""Draw the three figures. Lines are means over seeds; bands are a standard deviation to each side."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seeds.statistics import Comparison
from stages.report.style import TRAININGS, WIDTH, shade_better

Table = Mapping[str, np.ndarray]  # a curve's name -> [seeds, epochs] or [seeds, patiences]
Look = Mapping[str, str]
Effect = tuple[str, Look, Comparison]  # of a change on a value: its label, the look of the training with the change
NEARLY = 0.001  # losses that differ by at most this count as equal


def findings(title: str, on_loss: Sequence[Effect], on_accuracy: Sequence[Effect]) -> Figure:
    """Draw effects on losses and on accuracies with their intervals; filled where significant."""
    figure = Figure(figsize=(WIDTH, 2.4 + 0.36 * (len(on_loss) + len(on_accuracy))), layout="constrained")
    figure.suptitle(title)
    panels = (
        (on_loss, 1, "difference in loss (nats)", True),
        (on_accuracy, 100, "difference in validation accuracy (percentage points)", False),
    )
    heights = (len(on_loss) + 0.6, len(on_accuracy) + 0.6)
    for axes, (effects, unit, label, lower_is_better) in zip(
        figure.subplots(2, 1, height_ratios=heights), panels, strict=True
    ):
        for place, (_, look, comparison) in enumerate(effects):
            _, mean, _, low, high = comparison.difference
            face = look["color"] if comparison.is_significant else "white"
            bars = [[unit * (mean - low)], [unit * (high - mean)]]
            dot = {**look, "linestyle": "none", "markersize": 7, "markerfacecolor": face}
            axes.errorbar(unit * mean, place, xerr=bars, capsize=3, **dot)
        axes.axvline(0, color="#555555", linestyle="--", zorder=1)
        axes.set(ylim=(len(effects) - 0.4, -0.6), xlabel=label)
        axes.set_yticks(range(len(effects)), [label for label, _, _ in effects])
        shade_better(axes, "x", lower_is_better)
        left, right = ("better", "worse") if lower_is_better else ("worse", "better")
        for place, side, text in ((0.01, "left", f"← {left}"), (0.99, "right", f"{right} →")):
            axes.text(place, 1.02, text, transform=axes.transAxes, ha=side, va="bottom", fontsize=10, color="#555555")
    return figure


def curves(loss: Table, val_loss: Table, kept: Mapping[str, np.ndarray]) -> Figure:
    """Draw training loss, as `fit` reports it, and validation loss over the epochs, for trainings that nothing stopped.

    `kept` has the epoch that early stopping keeps with each seed, and its validation loss [seeds, 2].
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    rises = {name: values.mean(axis=0)[-1] - values.mean(axis=0).min() for name, values in val_loss.items()}
    epochs = next(iter(loss.values())).shape[1]
    by_training = ", ".join(f"{rise:.3f} with {name}" for name, rise in rises.items())
    figure.suptitle(f"From its lowest, mean validation loss rises until epoch {epochs} by\n{by_training}")
    looks = looks_of(loss)
    left, right = figure.subplots(1, 2)
    for axes, table, title in (
        (left, loss, "Training loss, mean over the epoch"),
        (right, val_loss, "Validation loss\n(circles: epochs that early stopping keeps)"),
    ):
        _lines(axes, np.arange(1, epochs + 1), table, looks)
        _label_ends(axes, table, looks)
        axes.set(title=title, xlabel="epoch", ylabel="cross-entropy (nats)")
    for name, points in kept.items():
        right.plot(*points.T, "o", markersize=6, markerfacecolor="none", color=looks[name]["color"], zorder=3)
    return figure


def patience(patiences: np.ndarray, val_loss: Table, epochs: Table) -> Figure:
    """Draw the validation loss of the epoch that each patience keeps, and the number of epochs that it runs."""
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    means = np.array([values.mean(axis=0) for values in val_loss.values()])  # [trainings, patiences]
    enough = np.flatnonzero((means - means[:, -1:] <= NEARLY).all(axis=0))[0]
    run = np.mean([values.mean(axis=0) for values in epochs.values()], axis=0)
    figure.suptitle(
        f"Patience {patiences[enough]} keeps what patience {patiences[-1]} keeps, to {NEARLY} of validation loss,\n"
        f"and runs {run[enough]:.1f} epochs on average instead of {run[-1]:.1f}"
    )
    looks = looks_of(val_loss)
    left, right = figure.subplots(1, 2)
    for axes, table, label in (
        (left, val_loss, "validation loss of the kept epoch (nats)"),
        (right, epochs, "epochs run"),
    ):
        _lines(axes, patiences, table, looks)
        axes.set(xlabel="patience (epochs)", ylabel=label)
    right.yaxis.get_major_locator().set_params(integer=True)
    seeds = len(next(iter(epochs.values())))
    title = f"lines: means of {seeds} seeds; bands: a standard deviation to each side"
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, title=title)
    return figure


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each curve, in this order."""
    return dict(zip(dict.fromkeys(names), itertools.cycle(TRAININGS), strict=False))


def _label_ends(axes: Axes, table: Table, looks: Mapping[str, Look]) -> None:
    """Write the name of each line at its end, in its color; push names apart that would overlap."""
    low, high = axes.get_ylim()
    at = -np.inf
    for name, values in sorted(table.items(), key=lambda item: item[1][:, -1].mean()):
        at = max(values[:, -1].mean(), at + 0.055 * (high - low))
        look = {"color": looks[name]["color"], "va": "center", "annotation_clip": False}
        axes.annotate(name, (values.shape[1], at), (8, 0), textcoords="offset points", **look)


def _lines(axes: Axes, x: np.ndarray, table: Table, looks: Mapping[str, Look]) -> None:
    """Draw a line and a band for each curve."""
    for name, values in table.items():
        mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
        axes.plot(x, mean, **looks[name], label=name)
        # A band ends at the lowest and highest seed, so it never shows 21 of 20 epochs.
        low, high = np.maximum(mean - sd, values.min(axis=0)), np.minimum(mean + sd, values.max(axis=0))
        axes.fill_between(x, low, high, color=looks[name]["color"], alpha=0.2, linewidth=0)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)

"""Draw the three figures. Lines are means over seeds, bands a standard deviation to each side, as far as seeds go."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seeds.statistics import Comparison
from stages.report.style import TRAININGS, WIDTH, shade_better

Table = Mapping[str, np.ndarray]  # a curve's name -> [seeds, epochs] or [seeds, patiences]
NEARLY = 0.001  # the difference of two losses that counts as none


class Effect(NamedTuple):
    """What one change does to one value, paired by seed."""

    label: str
    curve: str  # of the training with the change
    comparison: Comparison


def findings(
    title: str, on_loss: Sequence[Effect], on_accuracy: Sequence[Effect], looks: Mapping[str, Mapping[str, str]]
) -> Figure:
    """Draw effects on losses and on accuracies with their intervals; filled where significant.

    Args:
        title: what was found.
        on_loss: in the order in which they are shown, from above.
        on_accuracy: likewise.
        looks: the look of each curve.
    """
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
        for place, effect in enumerate(effects):
            _, mean, _, low, high = effect.comparison.difference
            look = {**looks[effect.curve], "linestyle": "none", "markersize": 7}
            face = look["color"] if effect.comparison.is_significant else "white"
            bars = [[unit * (mean - low)], [unit * (high - mean)]]
            axes.errorbar(unit * mean, place, xerr=bars, capsize=3, markerfacecolor=face, **look)
        axes.axvline(0, color="#555555", linestyle="--", zorder=1)
        axes.set(ylim=(len(effects) - 0.4, -0.6), xlabel=label)
        axes.set_yticks(range(len(effects)), [effect.label for effect in effects])
        shade_better(axes, "x", lower_is_better)
        left, right = ("better", "worse") if lower_is_better else ("worse", "better")
        for place, side, text in ((0.01, "left", f"← {left}"), (0.99, "right", f"{right} →")):
            axes.text(place, 1.02, text, transform=axes.transAxes, ha=side, va="bottom", fontsize=10, color="#555555")
    return figure


def curves(loss: Table, val_loss: Table, kept: Mapping[str, np.ndarray]) -> Figure:
    """Draw training and validation loss over the epochs: a line for each training that nothing stopped.

    Args:
        loss: training loss as `fit` reports it.
        val_loss: validation loss of the same trainings.
        kept: the epoch that early stopping keeps with each seed, and its validation loss, [seeds, 2].
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    rises = {name: values.mean(axis=0)[-1] - values.mean(axis=0).min() for name, values in val_loss.items()}
    epochs = next(iter(loss.values())).shape[1]
    by_training = ", ".join(f"{rise:.3f} with {name}" for name, rise in rises.items())
    figure.suptitle(f"From its lowest, mean validation loss rises until epoch {epochs} by\n{by_training}")
    looks = looks_of(loss)
    left, right = figure.subplots(1, 2)
    titles = ("Training loss, mean over the epoch", "Validation loss")
    if kept:
        titles = (titles[0], f"{titles[1]}\n(circles: epochs that early stopping keeps)")
    for axes, table, title in ((left, loss, titles[0]), (right, val_loss, titles[1])):
        for name, values in table.items():
            _band(axes, np.arange(1, values.shape[1] + 1), values, looks[name], name)
        _label_ends(axes, {name: (values.shape[1], values[:, -1].mean()) for name, values in table.items()}, looks)
        axes.set(title=title, xlabel="epoch", ylabel="cross-entropy (nats)")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    for name, points in kept.items():
        right.plot(*points.T, "o", markersize=6, markerfacecolor="none", color=looks[name]["color"], zorder=3)
    return figure


def patience(patiences: np.ndarray, val_loss: Table, epochs: Table) -> Figure:
    """Draw what each patience would have kept, and how many epochs it would have run.

    Args:
        patiences: int [patiences].
        val_loss: the validation loss of the kept epoch.
        epochs: the number of epochs run.
    """
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
        for name, values in table.items():
            _band(axes, patiences, values, looks[name], name)
        axes.set(xlabel="patience (epochs)", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    right.yaxis.get_major_locator().set_params(integer=True)
    seeds = len(next(iter(epochs.values())))
    title = f"lines: means of {seeds} seeds; bands: a standard deviation to each side"
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, title=title)
    return figure


def looks_of(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the look of each curve, in this order."""
    return dict(zip(dict.fromkeys(names), itertools.cycle(TRAININGS), strict=False))


def _label_ends(
    axes: Axes, ends: Mapping[str, tuple[float, float]], looks: Mapping[str, Mapping[str, str]], apart: float = 0.055
) -> None:
    """Write the name of each line at its end, in its color, and push names apart that would overlap.

    Args:
        axes: its limits are final.
        ends: the last point of each line.
        looks: the color of each line.
        apart: the least distance between two names, as a share of the height of the axes.
    """
    low, high = axes.get_ylim()
    at = -np.inf
    for name, (x, y) in sorted(ends.items(), key=lambda end: end[1][1]):
        at = max(y, at + apart * (high - low))
        look = {"color": looks[name]["color"], "va": "center", "annotation_clip": False}
        axes.annotate(name, (x, at), (8, 0), textcoords="offset points", **look)


def _band(axes: Axes, x: np.ndarray, values: np.ndarray, look: Mapping[str, str], label: str) -> None:
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    axes.plot(x, mean, **look, label=label)
    # not beyond the seeds: no 21 of 20 epochs
    low, high = np.maximum(mean - sd, values.min(axis=0)), np.minimum(mean + sd, values.max(axis=0))
    axes.fill_between(x, low, high, color=look["color"], alpha=0.2, linewidth=0)

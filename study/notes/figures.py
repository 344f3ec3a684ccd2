"""The three figures. Lines are means over seeds, bands a standard deviation to each side, as far as seeds go."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seeds.statistics import Spread
from stages.report.style import SERIES, WIDTH

Table = Mapping[str, np.ndarray]  # a curve's name -> [seeds, epochs] or [seeds, patiences]
NEARLY = 0.001  # of a loss: less is not looked at


class Measured(NamedTuple):
    """A training and what came of it."""

    label: str
    curve: str  # trainings with the same one differ only in when they end
    gap: Spread
    accuracy: Spread


def findings(title: str, trainings: Sequence[Measured]) -> Figure:
    """Gap and validation accuracy of each training, with their intervals.

    Args:
        title: what was found.
        trainings: in the order in which they are shown, from above.
    """
    figure = Figure(figsize=(WIDTH, 1.8 + 0.36 * len(trainings)), layout="constrained")
    figure.suptitle(title)
    looks = _looks(each.curve for each in trainings)
    for axes, name, what in zip(
        figure.subplots(1, 2, sharey=True), ("gap", "accuracy"), ("gap", "validation accuracy"), strict=True
    ):
        for place, each in enumerate(trainings):
            _, mean, _, low, high = getattr(each, name)
            look = looks[each.curve] | {"linestyle": "none", "markersize": 7}
            axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], capsize=3, **look)
        axes.set(title=what.capitalize())
    figure.axes[0].set_xlabel("validation loss minus training loss")
    figure.axes[1].set_xlabel("share of images that is right")
    figure.axes[0].set_yticks(range(len(trainings)), [each.label for each in trainings])
    figure.axes[0].invert_yaxis()
    return figure


def curves(loss: Table, val_loss: Table, kept: Mapping[str, np.ndarray]) -> Figure:
    """Training and validation loss over the epochs, one line a training that nothing stopped.

    Args:
        loss: training loss as `fit` reports it.
        val_loss: validation loss of the same.
        kept: what early stopping would keep of it with each seed: epoch and validation loss, [seeds, 2].
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    risen = {name: values.mean(axis=0)[-1] - values.mean(axis=0).min() for name, values in val_loss.items()}
    epochs = next(iter(loss.values())).shape[1]
    told = ", ".join(f"{rise:.3f} with {name}" for name, rise in risen.items())
    figure.suptitle(f"From its lowest, mean validation loss rises until epoch {epochs} by\n{told}")
    looks = _looks(loss)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, table, part in ((left, loss, "Training loss (dropout on)"), (right, val_loss, "Validation loss")):
        for name, values in table.items():
            _band(axes, np.arange(1, values.shape[1] + 1), values, looks[name], name)
        _label_ends(axes, {name: (values.shape[1], values[:, -1].mean()) for name, values in table.items()}, looks)
        axes.set(title=part, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    for name, points in kept.items():
        right.plot(*points.T, "o", markersize=6, markerfacecolor="none", color=looks[name]["color"], zorder=3)
    if kept:
        right.set_title("Validation loss\n(circles: what early stopping keeps, each seed)")
    left.set_ylabel("loss (cross-entropy, nats)")
    return figure


def patience(patiences: np.ndarray, val_loss: Table, epochs: Table) -> Figure:
    """What each patience would have kept, and how many epochs it would have run.

    Args:
        patiences: int [patiences].
        val_loss: of the kept epoch.
        epochs: how many would have been run.
    """
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    means = np.array([values.mean(axis=0) for values in val_loss.values()])  # [trainings, patiences]
    enough = np.flatnonzero((means - means[:, -1:] <= NEARLY).all(axis=0))[0]
    run = np.mean([values.mean(axis=0) for values in epochs.values()], axis=0)
    figure.suptitle(
        f"Patience {patiences[enough]} keeps what patience {patiences[-1]} keeps, to {NEARLY} of validation loss,\n"
        f"and runs {run[enough]:.1f} epochs on average instead of {run[-1]:.1f}"
    )
    looks = _looks(val_loss)
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


def _looks(names: Iterable[str]) -> dict[str, dict[str, str]]:
    return dict(zip(dict.fromkeys(names), itertools.cycle(SERIES), strict=False))


def _label_ends(
    axes: Axes, ends: Mapping[str, tuple[float, float]], looks: Mapping[str, Mapping[str, str]], apart: float = 0.055
) -> None:
    """The name of each line at its end, in its colour, so far apart that each can be read.

    Args:
        axes: whose limits are those of all lines.
        ends: a line's name -> where it ends.
        looks: of the lines.
        apart: of two names, as a share of the axes' height.
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

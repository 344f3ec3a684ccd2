"""The study's two figures. Lines are means over seeds, bands a standard deviation to each side, as far as seeds go."""

import itertools
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.report.style import SERIES, WIDTH

Table = Mapping[str, np.ndarray]  # a training's title -> [seeds, epochs] or [seeds, patiences]


def curves(
    loss: Table, val_loss: Table, ends: list[tuple[str, str, int]], stops: Mapping[str, tuple[str, np.ndarray]]
) -> Figure:
    """Training and validation loss over the epochs, one line a training.

    Args:
        loss: training loss as `fit` reports it, of the trainings that nothing stopped.
        val_loss: validation loss of the same.
        ends: (title, title of a longer training that begins alike, epochs): marked on the other's line.
        stops: title -> (title of the training that nothing stopped, kept epoch and validation loss, [seeds, 2]).
    """
    figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
    last = "; ".join(f"{title}: {values[:, -1].mean():.3f}" for title, values in val_loss.items())
    figure.suptitle(f"Validation loss after the last epoch, mean of {len(next(iter(loss.values())))} seeds:\n{last}")
    looks = dict(zip(loss, itertools.cycle(SERIES), strict=False))
    for axes, table, part in zip(
        figure.subplots(1, 2, sharey=True), (loss, val_loss), ("training, dropout on", "validation"), strict=True
    ):
        for title, values in table.items():
            _band(axes, np.arange(1, values.shape[1] + 1), values, looks[title], title)
        for (title, longer, epoch), marker in zip(ends, itertools.cycle("*PX"), strict=False):
            axes.plot(
                epoch,
                table[longer][:, epoch - 1].mean(),
                marker,
                markersize=15,
                markerfacecolor="none",  # one may stand on the other
                markeredgecolor=looks[longer]["color"],
                markeredgewidth=2,
                label=f"{title}: its end",
                zorder=4,
            )
        axes.set(title=f"Loss ({part})", xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    for title, (longer, kept) in stops.items():
        axes.plot(
            *kept.T,
            "o",
            markersize=6,
            markerfacecolor="none",
            markeredgecolor=looks[longer]["color"],
            markeredgewidth=1.5,
            label=f"{title}: kept, each seed",
            zorder=3,
        )
    figure.axes[0].set_ylabel("loss (cross-entropy, nats)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=10)
    return figure


def patience(patiences: np.ndarray, val_loss: Table, epochs: Table) -> Figure:
    """What each patience would have kept, and how many epochs it would have run.

    Args:
        patiences: int [patiences].
        val_loss: of the kept epoch.
        epochs: how many would have been run.
    """
    figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
    first, last = patiences[0], patiences[-1]
    gains = "; ".join(f"{title}: {np.mean(values[:, -1] - values[:, 0]):+.3f}" for title, values in val_loss.items())
    figure.suptitle(f"From patience {first} to {last}, the kept validation loss changes by\n{gains}")
    left, right = figure.subplots(1, 2)
    for axes, table, label in (
        (left, val_loss, "validation loss of the kept epoch (nats)"),
        (right, epochs, "epochs run"),
    ):
        for (title, values), look in zip(table.items(), itertools.cycle(SERIES), strict=False):
            _band(axes, patiences, values, look, title)
        axes.set(xlabel="patience (epochs)", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    right.yaxis.get_major_locator().set_params(integer=True)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _band(axes: Axes, x: np.ndarray, values: np.ndarray, look: Mapping[str, str], label: str) -> None:
    mean, sd = values.mean(axis=0), values.std(axis=0, ddof=1)
    axes.plot(x, mean, **look, label=label)
    # not beyond the seeds: no 21 of 20 epochs
    low, high = np.maximum(mean - sd, values.min(axis=0)), np.minimum(mean + sd, values.max(axis=0))
    axes.fill_between(x, low, high, color=look["color"], alpha=0.2, linewidth=0)

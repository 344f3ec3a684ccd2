"""The figures, as one family: a colour and a line for each kind of data, a title that states the finding.

Figures are drawn without pyplot, which would keep state, and with Matplotlib's own defaults, not the user's.
"""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers; the lines differ in grey too.
TRAINING = {"color": "#0072B2", "linestyle": "-", "marker": "o", "label": "training"}
VALIDATION = {"color": "#D55E00", "linestyle": "--", "marker": "s", "label": "validation"}
KEPT = {"color": "#009E73", "linestyle": "-"}
STOPPED = {"color": "#555555", "linestyle": ":"}
STYLE = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "axes.axisbelow": True,
    "lines.markersize": 4,
    "legend.frameon": False,
    "figure.dpi": 100,
}


def use_style() -> None:
    """Set Matplotlib to its defaults and then to this family's style, whatever the user's matplotlibrc says."""
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)


def save_png(figure: Figure, path: Path) -> None:
    """Write a PNG without the name of the software in it, so that equal figures are equal bytes."""
    figure.savefig(path, metadata={"Software": None})


def curves(history: dict[str, list[float]], best_epoch: int, stopped_epoch: int | None) -> Figure:
    """Loss and accuracy of training and validation over the epochs, the kept epoch and the stop marked.

    Args:
        history: `loss`, `accuracy`, `val_loss`, `val_accuracy`, one value an epoch.
        best_epoch: the kept epoch, from 1.
        stopped_epoch: the epoch after which training stopped early, from 1; None if it ran out.
    """
    epochs = range(1, len(history["loss"]) + 1)
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    ending = f"stopped after epoch {stopped_epoch}" if stopped_epoch else f"ran all {len(epochs)} epochs"
    figure.suptitle(
        f"Epoch {best_epoch} is kept: validation loss {history['val_loss'][best_epoch - 1]:.3f}, "
        f"accuracy {history['val_accuracy'][best_epoch - 1]:.3f}; {ending}",
        fontsize=13,
    )
    for axes, metric, unit in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("cross-entropy, nats", "share of images"), strict=True
    ):
        axes.plot(epochs, history[metric], **TRAINING)
        axes.plot(epochs, history[f"val_{metric}"], **VALIDATION)
        axes.axvline(best_epoch, **KEPT, label=f"kept: epoch {best_epoch}", zorder=1)
        if stopped_epoch:
            axes.axvline(stopped_epoch, **STOPPED, label=f"stopped: epoch {stopped_epoch}", zorder=1)
        axes.set(title=metric.capitalize(), xlabel="epoch", ylabel=f"{metric} ({unit})")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def confusion(actual: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> Figure:
    """How often images of each class were taken for each class; the rows are the true classes.

    Args:
        actual: the true class of each image, by name.
        predicted: the predicted class of each image, by name.
        classes: the names, in the order in which they are shown.
    """
    position = {name: number for number, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), int)  # [true class, predicted class]
    np.add.at(counts, ([position[name] for name in actual], [position[name] for name in predicted]), 1)
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)

    wrong = counts * (1 - np.eye(len(classes), dtype=int))
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    figure = Figure(figsize=(8, 7.2), layout="constrained")
    finding = f"{np.trace(counts) / counts.sum():.1%} of {counts.sum():,} test images are right"
    if wrong.any():
        finding += (
            f"; the most common mistake:\n{classes[row]} taken for {classes[column]} "
            f"({counts[row, column]} of {counts[row].sum():,})"
        )
    figure.suptitle(finding, fontsize=13)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), classes)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            axes.text(j, i, str(count), ha="center", va="center", color="white" if share[i, j] > 0.5 else "black")
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    return figure

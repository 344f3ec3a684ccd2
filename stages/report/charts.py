"""Draw the charts of a run: curves, confusion matrix and reliability diagram. Each title states a finding."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stages.evaluation.scores import Calibration, ReliabilityBin
from stages.report.style import KEPT, LOWERED, SHARES, STOPPED, TEST, TRAINING, VALIDATION, WIDTH, WRONG, shortened
from stages.training.result import RATE, TrainingResult

MOST_CLASSES = 18  # in a confusion matrix of width WIDTH; with more classes it grows


def curves(history: dict[str, np.ndarray], train: TrainingResult, dropout: float, has_penalty: bool = False) -> Figure:
    """Draw loss and accuracy over the epochs; lines mark the kept epoch, the stop and a lower learning rate.

    Args:
        history: `loss`, `accuracy`, `val_loss`, `val_accuracy`, and `learning_rate` if it can change; float [epochs].
        train: which epoch is kept, and how the training ended.
        dropout: the network's rate.
        has_penalty: whether the losses include a penalty, such as weight decay.
    """
    best_epoch, stopped_epoch = train.best_epoch, train.stopped_epoch
    epochs = range(1, len(history["loss"]) + 1)
    rates = history.get(RATE, np.zeros(1))
    falls = np.flatnonzero(np.diff(rates) < 0) + 1.5  # between the last epoch of a rate and the first of the next
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    figure.suptitle(
        f"Epoch {best_epoch} is kept: validation loss {history['val_loss'][best_epoch - 1]:.3f}, "
        f"accuracy {history['val_accuracy'][best_epoch - 1]:.3f}; {train.how_it_ended()}"
    )
    loss_unit = "cross-entropy + penalty, nats" if has_penalty else "cross-entropy, nats"
    training = "training (dropout on,\nmean over the epoch)" if dropout else "training\n(mean over the epoch)"
    for axes, metric, unit in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), (loss_unit, "share of images"), strict=True
    ):
        # Labels are where the lines are apart: at the first training value and at the last validation value.
        lines = ((metric, TRAINING, training, 0), (f"val_{metric}", VALIDATION, "validation", -1))
        for name, look, label, point in lines:
            axes.plot(epochs, history[name], **look)
            place, color = (epochs[point], history[name][point]), look["color"]
            axes.annotate(
                label, place, (9, 0), textcoords="offset points", color=color, va="center", fontsize=10,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
        axes.margins(y=0.12)
        axes.axvline(best_epoch, **KEPT, label=f"kept: epoch {best_epoch}", zorder=1)
        if stopped_epoch:
            axes.axvline(stopped_epoch, **STOPPED, label=f"stopped: epoch {stopped_epoch}", zorder=1)
        for number, epoch in enumerate(falls):
            label = "learning rate falls" if number == 0 else None
            axes.axvline(epoch, **LOWERED, label=label, zorder=1)
        axes.set(title=metric.capitalize(), xlabel="epoch", ylabel=f"{metric} ({unit})")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the confusion matrix; the title names the two most frequent mistakes, which have frames.

    Labels and predictions are positions in `classes`, int [n].
    """
    counts = np.zeros((len(classes), len(classes)), int)  # [true class, predicted class]
    np.add.at(counts, (labels, predicted), 1)
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)

    mistaken = [(i, j) for i, j in np.ndindex(counts.shape) if i != j and counts[i, j]]
    worst = sorted(mistaken, key=lambda cell: counts[cell], reverse=True)[:2]
    names = [shortened(name) for name in classes]
    mistakes = [f"{names[i]} for {names[j]} ({counts[i, j]:,} of {counts[i].sum():,})" for i, j in worst]
    finding = f"{np.trace(counts):,} of {counts.sum():,} test images classified correctly"
    if mistakes:
        finding += f"; most often mistaken:\n{', '.join(mistakes)}"

    scale = max(1, len(classes) / MOST_CLASSES)
    figure = Figure(figsize=(WIDTH * scale, 7.6 * scale), layout="constrained")
    figure.suptitle(finding)
    axes = figure.subplots()
    image = axes.imshow(share, cmap=SHARES, vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_xticks(range(len(classes)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), names)
    for (i, j), count in np.ndenumerate(counts):
        if count:
            axes.text(j, i, str(count), ha="center", va="center", color="white" if share[i, j] > 0.5 else "black")
    for i, j in worst:
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **WRONG))
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    return figure


def reliability_diagram(table: list[ReliabilityBin], calibration: Calibration) -> Figure:
    """Draw accuracy over confidence, and the number of images in each bin.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", figure 1.
    """
    accuracy = calibration.right / calibration.count
    difference, by_chance = calibration.confidence - accuracy, calibration.difference_by_chance
    verdict = "no over- or underconfidence shown"
    if abs(difference) > by_chance:
        verdict = f"{'over' if difference > 0 else 'under'}confident by {abs(difference) * 100:.1f} points"

    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    figure.suptitle(
        f"Mean confidence {calibration.confidence:.2%}, accuracy {accuracy:.2%}: {verdict} "
        f"(by chance: ±{by_chance * 100:.1f})\n"
        f"Expected calibration error {calibration.error:.1%}, {calibration.count:,} test images"
    )
    confidence, shares, low, high, count = np.array(table).T  # float [bins] each
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="#555555", linestyle="--", label="perfectly calibrated")
    interval = np.array((shares - low, high - shares))  # [2, bins]
    look = {"color": TEST, "linestyle": "none", "marker": "o", "markersize": 6, "capsize": 3, "clip_on": False}
    above.errorbar(confidence, shares, yerr=interval, **look, label="test images, with 95% interval")
    above.set(ylabel="accuracy (share that is right)", xlim=(0, 1.02), ylim=(0, 1.02))
    above.legend(loc="upper left")
    bars = below.bar(confidence, count, width=0.03, color=TEST)
    below.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=9)
    below.set(xlabel="confidence (probability of the predicted class)", ylabel="images")
    below.margins(y=0.2)
    below.yaxis.get_major_locator().set_params(integer=True)
    return figure

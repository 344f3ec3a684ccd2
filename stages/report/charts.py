"""Charts of one run: curves, confusion matrix, reliability diagram. Each title states what was found."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stages.evaluation.scores import (
    ReliabilityBin,
    expected_calibration_error,
    gap_by_chance,
    in_percent,
    sure_and_right,
)
from stages.report.style import KEPT, LOWERED, SHARES, STOPPED, TEST, TRAINING, VALIDATION, WIDTH, WRONG, shortened
from stages.training.result import RATE, TrainingResult

LINE = 85  # letters of a title
ROOM = 18  # classes in a confusion matrix of a README's width: more make it larger
FEW = 30  # images in a bin, whose interval is so wide that it should not draw the eye
PALE = "#BBBBBB"


def curves(history: dict[str, np.ndarray], train: TrainingResult) -> Figure:
    """Loss and accuracy of training and validation over the epochs; marked: the kept epoch, the stop, a lower rate.

    Args:
        history: `loss`, `accuracy`, `val_loss`, `val_accuracy`, float [epochs] each; `learning_rate`, where it fell.
        train: which epoch is kept, and where training stopped.
    """
    best_epoch, stopped_epoch = train.best_epoch, train.stopped_epoch
    epochs = range(1, len(history["loss"]) + 1)
    rates = history.get(RATE, np.zeros(1))
    falls = np.flatnonzero(np.diff(rates) < 0) + 1.5  # between the last epoch of one rate and the first of the next
    figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
    figure.suptitle(
        f"Epoch {best_epoch} is kept: validation loss {history['val_loss'][best_epoch - 1]:.3f}, "
        f"accuracy {history['val_accuracy'][best_epoch - 1]:.3f}; {train.how_it_ended()}"
    )
    for axes, metric, unit in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("cross-entropy, nats", "share of images"), strict=True
    ):
        axes.plot(epochs, history[metric], **TRAINING)
        axes.plot(epochs, history[f"val_{metric}"], **VALIDATION)
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
    """How often images of each class were taken for each class; the two most frequent mistakes named and framed.

    Of mistakes that are equally frequent, none is named before the others.

    Args:
        labels: the true class of each image, int [n].
        predicted: the predicted class of each image, int [n].
        classes: the names, in the order in which they are shown.
    """
    counts = np.zeros((len(classes), len(classes)), int)  # [true class, predicted class]
    np.add.at(counts, (labels, predicted), 1)
    share = counts / counts.sum(axis=1, keepdims=True).clip(min=1)

    wrong = counts * (1 - np.eye(len(classes), dtype=int))
    most = [divmod(int(cell), len(classes)) for cell in np.argsort(-wrong, axis=None, kind="stable")[:3]]
    most = [cell for cell in most if wrong[cell]]
    worst = most[:2] if len(most) < 3 else [cell for cell in most if wrong[cell] > wrong[most[2]]]
    names = [shortened(name) for name in classes]
    mistakes = [f"{names[i]} for {names[j]} ({counts[i, j]:,} of {counts[i].sum():,})" for i, j in worst]
    finding = f"{np.trace(counts):,} of {counts.sum():,} test images classified correctly"
    if mistakes:
        between = ", " if sum(map(len, mistakes)) < LINE else ",\n"
        finding += f"; {'most often ' * (len(most) > len(worst))}mistaken:\n{between.join(mistakes)}"

    scale = max(1, len(classes) / ROOM)
    figure = Figure(figsize=(WIDTH * scale, 7.6 * scale), layout="constrained")
    figure.suptitle(finding)
    axes = figure.subplots()
    image = axes.imshow(share, cmap=SHARES, vmin=0, vmax=1)
    axes.grid(visible=False)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_xticks(range(len(classes)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(classes)), names)
    for i in np.flatnonzero(counts.sum(axis=1) == 0):
        axes.text((len(classes) - 1) / 2, i, "no test image", ha="center", va="center", color="#555555")
    for (i, j), count in np.ndenumerate(counts):
        if count:
            axes.text(j, i, str(count), ha="center", va="center", color="white" if share[i, j] > 0.5 else "black")
    for i, j in worst:
        axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, **WRONG))
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    return figure


def reliability_diagram(table: list[ReliabilityBin]) -> Figure:
    """Whether images that the model is 90 % sure of are right in 90 % of the cases, and how many there are.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", figure 1.
    """
    confidence, accuracy, low, high, count = np.array(table).T  # float [bins] each
    sure, right, total = sure_and_right(table)
    gap, chance = abs(sure - right / total), gap_by_chance(table)
    verdict = "no over- or underconfidence shown"
    if gap > chance:
        verdict = f"{'over' if sure > right / total else 'under'}confident by {gap * 100:.1f} points"

    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    figure.suptitle(
        f"{sure:.1%} sure on average, {in_percent(right, total)}% right: {verdict} (by chance: ±{chance * 100:.1f})\n"
        f"Expected calibration error {expected_calibration_error(table):.1%}, {total:,} test images"
    )
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="#555555", linestyle="--", label="as sure as right")
    error = np.array((accuracy - low, high - accuracy))  # [2, bins]
    plain = {"linestyle": "none", "marker": "o", "clip_on": False}
    for bins, look in (
        (count >= FEW, {"color": TEST, "markersize": 6, "capsize": 3, "label": "test images, with 95% interval"}),
        (count < FEW, {"color": PALE, "markersize": 3, "label": f"the same, fewer than {FEW} images"}),
    ):
        if bins.any():
            above.errorbar(confidence[bins], accuracy[bins], yerr=error[:, bins], **plain, **look)
    above.set(ylabel="accuracy (share that is right)", xlim=(0, 1.02), ylim=(0, 1.02))
    above.legend(loc="upper left")
    below.bar(confidence, count, width=0.03, color=TEST)
    for x, number in zip(confidence, count, strict=True):
        below.annotate(f"{number:,.0f}", (x, number), (0, 2), textcoords="offset points", ha="center", fontsize=9)
    below.set(xlabel="confidence (probability of the predicted class)", ylabel="images")
    below.margins(y=0.2)
    below.yaxis.get_major_locator().set_params(integer=True)
    return figure

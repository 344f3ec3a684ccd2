"""Draw the tables and the test images as pictures, and put all that is known of the run into one page."""

from pathlib import Path
from typing import Any

import numpy as np

from stages.core.artifacts import METRICS, load_csv, load_json, outputs, save_json, unusable
from stages.core.calibration import ReliabilityBin, error_by_chance
from stages.core.charts import confusion, curves, reliability_diagram
from stages.core.counts import counted
from stages.core.ending import why_it_ended
from stages.core.errors import run
from stages.core.galleries import examples, worst_mistakes
from stages.core.images import Images, load_images
from stages.core.inputs import Inputs, hold
from stages.core.pages import picture
from stages.core.report import report
from stages.core.style import save_png, use_style

HISTORY = Path("plots/history.csv")
TRAIN = Path("metrics/train.json")
EVALUATION = Path("metrics/evaluation.json")
PREDICTIONS = Path("plots/predictions.csv")
PER_CLASS = Path("plots/per_class.csv")


def predictions(test: Images) -> tuple[np.ndarray, np.ndarray]:
    """What plots/predictions.csv says of each test image: the predicted class, int [n], and its probability, float [n].

    Raises:
        UserError: it is of other images.
    """
    rows = load_csv(PREDICTIONS, {"actual": str, "predicted": str, "confidence": float})
    if [row["actual"] for row in rows] != test.classes[test.labels].tolist():
        raise unusable(PREDICTIONS, "its images are not those of data/prepared/test.npz")
    position = {name: number for number, name in enumerate(test.classes)}
    try:
        predicted = np.array([position[row["predicted"]] for row in rows])
    except KeyError as error:
        raise unusable(PREDICTIONS, f"no class {error}") from error
    return predicted, np.array([row["confidence"] for row in rows])


def measured() -> dict[str, dict[str, float]]:
    """Accuracy and loss on validation and test images.

    Raises:
        UserError: metrics/evaluation.json says something else.
    """
    evaluation = load_json(EVALUATION)
    try:
        return {
            part: {metric: float(evaluation[part][metric]) for metric in ("accuracy", "loss")}
            for part in ("validation", "test")
        }
    except KeyError as error:
        raise unusable(EVALUATION, f"{error.args[0]} is missing") from error
    except (TypeError, ValueError) as error:
        raise unusable(EVALUATION, error) from error


def scores(test: Images) -> list[dict[str, Any]]:
    """The rows of plots/per_class.csv: the classes that have test images.

    Raises:
        UserError: it is of other classes.
    """
    columns = {"class": str, "precision": float, "recall": float, "f1": float, "support": int}
    rows = load_csv(PER_CLASS, columns)
    if [row["class"] for row in rows] != test.classes[np.unique(test.labels)].tolist():
        raise unusable(PER_CLASS, "its classes are not those of data/prepared/test.npz")
    return rows


def main() -> None:
    """Tables, metrics, data/prepared/test.npz -> plots/*.png and a page with all of it, plots/report.html."""
    inputs = Inputs("plot")
    params = inputs.params
    hold(Path("metrics/inputs.json"), inputs)
    epochs = load_csv(HISTORY, dict.fromkeys(METRICS, float))
    history = {metric: np.array([row[metric] for row in epochs]) for metric in METRICS}
    bins = [ReliabilityBin(**row) for row in load_csv(Path("plots/reliability.csv"), ReliabilityBin.__annotations__)]
    train = load_json(TRAIN, "epochs", "best_epoch", "stopped_epoch")
    if not 1 <= train["best_epoch"] <= train["epochs"] == len(epochs):
        raise unusable(TRAIN, f"it is not of the training in {HISTORY}")
    test = load_images(Path("data/prepared/test.npz"))
    predicted, confidence = predictions(test)
    ending = why_it_ended(train["epochs"], train["stopped_epoch"], params.monitor, params.patience, params.min_delta)
    page = {
        "kept": f"Epoch {train['best_epoch']} of {train['epochs']} is kept. Training {ending}.",
        "measured": measured(),
        "scores": scores(test),
        "params": params.used(),
        "error_by_chance": error_by_chance(bins),
        "data": counted(test),
        "environment": load_json(Path("metrics/environment.json")),
    }

    use_style()
    figures = {
        Path("plots/curves.png"): curves(history, train["best_epoch"], train["stopped_epoch"]),
        Path("plots/confusion.png"): confusion(test.labels, predicted, test.classes),
        Path("plots/reliability.png"): reliability_diagram(bins),
        Path("plots/mistakes.png"): worst_mistakes(test, predicted, confidence),
        Path("plots/examples.png"): examples(test, predicted),
    }
    with outputs(inputs.stop_if_changed) as begin:
        pictures = {}
        for path, figure in figures.items():
            save_png(figure, begin(path))
            pictures[path.stem] = picture(begin(path).read_bytes(), figure.get_suptitle())
        html = report(test, predicted, confidence, pictures, **page)
        begin(Path("plots/report.html")).write_text(html, encoding="utf-8")
        save_json(begin(Path("plots/inputs.json")), inputs.record())


if __name__ == "__main__":
    run(main)

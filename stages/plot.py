"""Draw the tables and the test images as pictures."""

from pathlib import Path

import numpy as np

from stages.core.artifacts import METRICS, load_csv, load_json, outputs, unusable
from stages.core.calibration import ReliabilityBin
from stages.core.charts import confusion, curves, reliability_diagram
from stages.core.errors import run
from stages.core.galleries import examples, worst_mistakes
from stages.core.images import Images, load_images
from stages.core.style import save_png, use_style

HISTORY = Path("plots/history.csv")
TRAIN = Path("metrics/train.json")
PREDICTIONS = Path("plots/predictions.csv")


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


def main() -> None:
    """Tables, metrics, data/prepared/test.npz -> plots/{curves,confusion,reliability,mistakes,examples}.png."""
    epochs = load_csv(HISTORY, dict.fromkeys(METRICS, float))
    history = {metric: np.array([row[metric] for row in epochs]) for metric in METRICS}
    bins = [ReliabilityBin(**row) for row in load_csv(Path("plots/reliability.csv"), ReliabilityBin.__annotations__)]
    train = load_json(TRAIN, "epochs", "best_epoch", "stopped_epoch")
    if not 1 <= train["best_epoch"] <= train["epochs"] == len(epochs):
        raise unusable(TRAIN, f"it is not of the training in {HISTORY}")
    test = load_images(Path("data/prepared/test.npz"))
    predicted, confidence = predictions(test)

    use_style()
    with outputs() as begin:
        save_png(curves(history, train["best_epoch"], train["stopped_epoch"]), begin(Path("plots/curves.png")))
        save_png(confusion(test.labels, predicted, test.classes), begin(Path("plots/confusion.png")))
        save_png(reliability_diagram(bins), begin(Path("plots/reliability.png")))
        save_png(worst_mistakes(test, predicted, confidence), begin(Path("plots/mistakes.png")))
        save_png(examples(test, predicted), begin(Path("plots/examples.png")))


if __name__ == "__main__":
    run(main)

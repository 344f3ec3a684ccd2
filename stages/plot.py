"""Draw the tables as pictures."""

from pathlib import Path

from stages.core.artifacts import METRICS, load_csv, load_json, outputs
from stages.core.errors import run
from stages.core.figures import confusion, curves, save_png, use_style


def main() -> None:
    """plots/{history,confusion,per_class}.csv, metrics/train.json -> plots/{curves,confusion}.png."""
    rows = load_csv(Path("plots/history.csv"), dict.fromkeys(METRICS, float))
    guesses = load_csv(Path("plots/confusion.csv"), {"actual": str, "predicted": str})
    classes = [row["class"] for row in load_csv(Path("plots/per_class.csv"), {"class": str})]
    train = load_json(Path("metrics/train.json"), "best_epoch", "stopped_epoch")

    use_style()
    with outputs() as begin:
        history = {metric: [row[metric] for row in rows] for metric in METRICS}
        save_png(curves(history, train["best_epoch"], train["stopped_epoch"]), begin(Path("plots/curves.png")))
        actual, predicted = ([row[column] for row in guesses] for column in ("actual", "predicted"))
        save_png(confusion(actual, predicted, classes), begin(Path("plots/confusion.png")))


if __name__ == "__main__":
    run(main)

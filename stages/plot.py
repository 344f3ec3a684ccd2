"""Draw the tables as pictures."""

import json
from pathlib import Path

from stages.core.artifacts import load_csv
from stages.core.errors import run
from stages.core.figures import confusion, curves, save_png, use_style


def main() -> None:
    """plots/{history,confusion,per_class}.csv, metrics/train.json -> plots/{curves,confusion}.png."""
    use_style()

    rows = load_csv(Path("plots/history.csv"))
    history = {metric: [float(row[metric]) for row in rows] for metric in rows[0] if metric != "epoch"}
    train = json.loads(Path("metrics/train.json").read_text(encoding="utf-8"))
    save_png(curves(history, train["best_epoch"], train["stopped_epoch"]), Path("plots/curves.png"))

    guesses = load_csv(Path("plots/confusion.csv"))
    classes = [row["class"] for row in load_csv(Path("plots/per_class.csv"))]
    actual, predicted = ([row[column] for row in guesses] for column in ("actual", "predicted"))
    save_png(confusion(actual, predicted, classes), Path("plots/confusion.png"))


if __name__ == "__main__":
    run(main)

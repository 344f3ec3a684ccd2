"""Draw the tables and the test images as pictures, and write the page of the run and the model card."""

import sys
from pathlib import Path

import numpy as np

from stages.base.files import load_csv, load_json
from stages.base.inputs import Inputs, check_made_with
from stages.base.params import METRICS
from stages.base.process import outputs, run
from stages.data.images import PREPARED, Counts, load_images
from stages.evaluation.results import Evaluation, load_predictions
from stages.evaluation.scores import ClassScores, ReliabilityBin, calibration
from stages.report.charts import confusion, curves, reliability_diagram
from stages.report.documents import Picture, Run, card, page
from stages.report.galleries import examples, worst_mistakes
from stages.report.style import missing_letters, save_png, use_style
from stages.training.result import RATE, TrainingResult


def main() -> None:
    """Read tables, metrics and test images; write plots/*.png, plots/report.html and models/CARD.md."""
    inputs = Inputs("plot")
    params = inputs.params
    check_made_with(params)
    epochs = load_csv(Path("plots/history.csv"), dict.fromkeys(METRICS, float), optional=[RATE])
    bins = [ReliabilityBin(**row) for row in load_csv(Path("plots/reliability.csv"), ReliabilityBin.__annotations__)]
    test = load_images(PREPARED, "test")
    predicted, confidence = load_predictions(Path("plots/predictions.csv"), test)
    results = Run(
        test,
        predicted,
        confidence,
        train=load_json(Path("metrics/train.json"), TrainingResult),
        evaluation=load_json(Path("metrics/evaluation.json"), Evaluation),
        scores=load_csv(Path("plots/per_class.csv"), {"class": str} | ClassScores.__annotations__),
        calibration=calibration(bins),
        params=params.used(),
        data=load_json(Path("metrics/data.json"), Counts),
        environment=load_json(Path("metrics/environment.json")),
    )

    use_style()
    if letters := missing_letters(test.classes):
        print(f"the font of the pictures lacks {' '.join(letters)}: they appear as boxes", file=sys.stderr)
    history = {name: np.array([row[name] for row in epochs]) for name in epochs[0]}
    has_penalty = results.evaluation.validation.penalty is not None
    figures = {
        Path("plots/curves.png"): curves(history, results.train, params.dropout, has_penalty),
        Path("plots/confusion.png"): confusion(test.labels, predicted, test.classes),
        Path("plots/reliability.png"): reliability_diagram(bins, results.calibration),
        Path("plots/mistakes.png"): worst_mistakes(test, predicted, confidence),
        Path("plots/examples.png"): examples(test, predicted),
    }
    with outputs(inputs) as begin:
        pictures = {}
        for path, figure in figures.items():
            save_png(figure, begin(path))
            pictures[path.stem] = Picture(begin(path).read_bytes(), alt=figure.get_suptitle())
        begin(Path("plots/report.html")).write_text(page(results, pictures), encoding="utf-8")
        begin(Path("models/CARD.md")).write_text(card(results), encoding="utf-8")


if __name__ == "__main__":
    run(main)

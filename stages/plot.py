"""Draw the tables and the test images as pictures, put all that is known of the run into one page, write its card."""

from pathlib import Path

import numpy as np

from stages.base.files import load, load_csv, load_json, save_json, unusable
from stages.base.inputs import Inputs, hold
from stages.base.params import METRICS
from stages.base.process import outputs, run
from stages.data.images import counted, load_images
from stages.evaluation.results import Evaluation, load_predictions, load_reliability, load_scores
from stages.report.charts import confusion, curves, reliability_diagram
from stages.report.documents import Run, card, page
from stages.report.galleries import examples, worst_mistakes
from stages.report.pages import of_figure
from stages.report.style import save_png, use_style
from stages.training.result import RATE, TrainingResult

HISTORY = Path("plots/history.csv")
TRAIN = Path("metrics/train.json")


def main() -> None:
    """Tables, metrics, data/prepared/test.npz -> plots/*.png, plots/report.html with all of it, models/CARD.md."""
    inputs = Inputs("plot")
    params = inputs.params
    hold(Path("metrics/inputs.json"), inputs)
    columns = (*METRICS, RATE) if params.lr_patience else METRICS
    epochs = load_csv(HISTORY, dict.fromkeys(columns, float))
    train = load(TRAIN, TrainingResult)
    if not 1 <= train.best_epoch <= train.epochs == len(epochs):
        raise unusable(TRAIN, f"it is not of the training in {HISTORY}")
    test = load_images(Path("data/prepared/test.npz"))
    predicted, confidence = load_predictions(Path("plots/predictions.csv"), test)
    told = Run(
        test,
        predicted,
        confidence,
        train,
        ending=train.why_it_ended(params.monitor, params.patience, params.min_delta),
        evaluation=load(Path("metrics/evaluation.json"), Evaluation),
        scores=load_scores(Path("plots/per_class.csv"), test),
        bins=load_reliability(Path("plots/reliability.csv")),
        params=params.used(),
        data=counted(Path("metrics/data.json"), test),
        environment=load_json(Path("metrics/environment.json")),
    )

    use_style()
    history = {metric: np.array([row[metric] for row in epochs]) for metric in columns}
    figures = {
        Path("plots/curves.png"): curves(history, train),
        Path("plots/confusion.png"): confusion(test.labels, predicted, test.classes),
        Path("plots/reliability.png"): reliability_diagram(told.bins),
        Path("plots/mistakes.png"): worst_mistakes(test, predicted, confidence),
        Path("plots/examples.png"): examples(test, predicted),
    }
    with outputs(inputs.stop_if_changed) as begin:
        pictures = {}
        for path, figure in figures.items():
            save_png(figure, begin(path))
            pictures[path.stem] = of_figure(figure, begin(path).read_bytes())
        begin(Path("plots/report.html")).write_text(page(told, pictures), encoding="utf-8")
        begin(Path("models/CARD.md")).write_text(card(told), encoding="utf-8")
        save_json(begin(Path("plots/inputs.json")), inputs.record())


if __name__ == "__main__":
    run(main)

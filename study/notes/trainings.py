"""Train every row of study/notes.yaml with every seed: `python -m study.notes.trainings`."""

from pathlib import Path

from seeds import engine
from seeds.training import MEASURED, Training
from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.params import METRICS
from stages.base.process import outputs, run
from study.notes.design import read_design
from study.stopping import with_patience

PATIENCES = range(1, 11)
TRAININGS = ("training", "seed", "epochs", "kept_epoch", *MEASURED)
HISTORY = ("training", "seed", "epoch", *METRICS)
PATIENCE = ("training", "seed", "patience", "epochs", "kept_epoch", "val_loss", "val_accuracy")


def main() -> None:
    """study/notes.yaml, data/prepared/ -> study/notes/{trainings,history,patience}.csv."""
    inputs = Inputs("notes-trainings", "study/dvc.yaml")
    design = read_design()
    asked = {
        (name, seed): Training(row.params(seed))
        for seed in range(1, design.seeds + 1)
        for name, row in design.trainings.items()
    }
    with outputs(inputs) as begin:
        results = dict(zip(asked, engine.run(list(asked.values())), strict=True))
        trainings = ([*of, *result.row.values()] for of, result in results.items())
        save_csv(begin(Path("study/notes/trainings.csv")), TRAININGS, trainings)
        epochs = (
            [*of, epoch, *values]
            for of, result in results.items()
            for epoch, values in enumerate(zip(*(result.history[name] for name in METRICS), strict=True), 1)
        )
        save_csv(begin(Path("study/notes/history.csv")), HISTORY, epochs)
        patience = []
        for of, training in asked.items():
            if training.params.patience is None:
                history, monitor = results[of].history, training.params.monitor
                for patience_tried in PATIENCES:
                    last, kept = with_patience(history, monitor, patience_tried, training.params.min_delta)
                    values = (history[name][kept - 1] for name in ("val_loss", "val_accuracy"))
                    patience.append([*of, patience_tried, last, kept, *values])
        save_csv(begin(Path("study/notes/patience.csv")), PATIENCE, patience)


if __name__ == "__main__":
    run(main)

"""Train every row of study/notes.yaml with every seed: `python -m study.notes.trainings`."""

from pathlib import Path

from seeds import engine
from seeds.training import MEASURED, Training
from stages.base.files import save_csv
from stages.base.inputs import Inputs
from stages.base.params import METRICS
from stages.base.process import outputs, run
from study.notes.design import read_design
from study.stopping import stop_early

PATIENCES = range(1, 11)
OF_KEPT = ("epochs", "kept_epoch", "kept_val_loss", "kept_val_accuracy")
KEYS = ("training", "seed")


def main() -> None:
    """study/notes.yaml, data/prepared/ -> study/notes/{trainings,history,patience}.csv."""
    inputs = Inputs("notes-trainings", "study/dvc.yaml")
    design = read_design()
    trainings = {
        (name, seed): Training(row.params(seed=seed))
        for seed in range(1, design.seeds + 1)
        for name, row in design.trainings.items()
    }
    with outputs(inputs) as begin:
        results = engine.run(list(trainings.values()))
        rows, epochs, patiences = [], [], []
        for (key, (params, _)), (row, history) in zip(trainings.items(), results, strict=True):
            rows.append([*key, *row.values()])
            values = zip(*(history[name] for name in METRICS), strict=True)
            epochs += [[*key, epoch, *of_epoch] for epoch, of_epoch in enumerate(values, 1)]
            for patience in PATIENCES if params.patience is None else ():
                stopped = stop_early(history, params.monitor, patience, params.min_delta)
                patiences.append([*key, patience, *(stopped[name] for name in OF_KEPT)])
        for name, columns, table in (
            ("trainings", ("epochs", "kept_epoch", *MEASURED), rows),
            ("history", ("epoch", *METRICS), epochs),
            ("patience", ("patience", "epochs", "kept_epoch", "val_loss", "val_accuracy"), patiences),
        ):
            save_csv(begin(Path(f"study/notes/{name}.csv")), (*KEYS, *columns), table)


if __name__ == "__main__":
    run(main)

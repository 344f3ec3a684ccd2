"""Describe what the notes' trainings show: tables, three figures, a page in two languages."""

from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seeds.statistics import MANY, Comparison, Spread, compare, spread, verdict
from stages.base.files import load_json, save_csv
from stages.base.inputs import Inputs
from stages.base.params import written
from stages.base.process import outputs, run
from stages.report.pages import render
from stages.report.style import save_png, use_style
from study.notes.design import Claim, Study, Value, read_design
from study.notes.figures import curves, findings, looks_of, patience
from study.wording import PAGES, Titled

FOLDER, DATA = Path("study/notes"), Path("metrics/data.json")
TRAININGS, HISTORY, PATIENCE = (FOLDER / f"{name}.csv" for name in ("trainings", "history", "patience"))
LABELS = {"gap": "gap", "val_loss": "validation loss", "val_accuracy": "accuracy"}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "nadam": "Nadam", "rmsprop": "RMSprop"}

Values = dict[str, dict[str, np.ndarray]]  # training -> value -> [seeds]


def values_of(trainings: pd.DataFrame, history: pd.DataFrame) -> Values:
    """Return the measured values and two differences of losses, in the order of the seeds.

    `gap` is validation loss minus training loss, both measured after training with dropout off. `plotted_distance` is
    the distance between the notes' two curves at the last epoch, where training loss is the mean over that epoch with
    dropout on.
    """
    table = trainings.set_index(["training", "seed"])
    last = history.groupby(["training", "seed"]).last()
    table["gap"] = table["val_loss"] - table["loss"]
    table["plotted_distance"] = last["val_loss"] - last["loss"]
    return {
        name: {value: rows[value].to_numpy(float) for value in get_args(Value)}
        for name, rows in table.groupby("training", sort=False)
    }


def curve(row: Titled) -> str:
    """Name the curve of a training: its optimizer and its dropout rate."""
    return OPTIMIZERS[row.optimizer] + (f", dropout {written(row.dropout)}" if row.dropout else "")


def effect_of(design: Study, claim: Claim) -> str | None:
    """Name the change that a claim is about; None if it is neither dropout nor early stopping."""
    changed, plain = design.trainings[claim.of], design.trainings[claim.beside]
    if changed.params() == plain.params(dropout=changed.dropout):
        return f"dropout {written(changed.dropout)}, {changed.epochs} epochs"
    if changed.patience and not plain.patience and changed.dropout == plain.dropout:
        return f"early stopping, {'with' if changed.dropout else 'without'} dropout"
    return None


def headline(design: Study, comparisons: dict[Claim, Comparison]) -> str:
    """Return the title of the findings: the effect of dropout on the gap and on accuracy."""
    claim, gap = next((claim, comparison) for claim, comparison in comparisons.items() if claim.value == "gap")
    accuracy = next(row for each, row in comparisons.items() if (each.of, each.value) == (claim.of, "val_accuracy"))
    on_gap, on_accuracy = "is not shown to change the gap", "is not shown to change accuracy"
    if gap.is_significant:
        verb = verdict(gap, "narrows", "widens")
        on_gap = f"{verb} the gap by {abs(gap.difference.mean):.3f}"
    if accuracy.is_significant:
        verb = verdict(accuracy, "costs", "adds")
        on_accuracy = f"{verb} {100 * abs(accuracy.difference.mean):.2f} points of accuracy"
    plain = design.trainings[claim.beside]
    return (
        f"Dropout {on_gap} and {on_accuracy} ({curve(plain)}, {plain.epochs} epochs)\n"
        f"means of {design.seeds} seeds, 95% intervals; filled: significant after Holm's correction"
    )


def figures(
    design: Study, values: Values, history: pd.DataFrame, patiences: pd.DataFrame, comparisons: dict[Claim, Comparison]
) -> dict[str, Figure]:
    """Draw the three figures; return them by file name."""
    rows = design.trainings
    names = {name: curve(row) for name, row in rows.items()}
    unstopped = [name for name, row in rows.items() if row.patience is None]
    longest = {
        label: max((name for name in unstopped if names[name] == label), key=lambda name: rows[name].epochs)
        for label in dict.fromkeys(names[name] for name in unstopped)
    }

    def by_seed(table: pd.DataFrame, column: str, value: str) -> dict[str, np.ndarray]:
        """Return [seeds, values of the column] for each curve."""
        return {
            label: table[table["training"] == name].pivot(index="seed", columns=column, values=value).to_numpy()
            for label, name in longest.items()
        }

    kept = {
        names[name]: np.stack((values[name]["kept_epoch"], values[name]["val_loss"]), axis=-1)  # [seeds, 2]
        for name, row in rows.items()
        if row.patience
    }
    looks = looks_of(names.values())
    on_loss, on_accuracy = [], []
    for claim, comparison in comparisons.items():
        if claim.value in LABELS and (change := effect_of(design, claim)):
            effects = on_accuracy if claim.value == "val_accuracy" else on_loss
            effects.append((f"{change}: {LABELS[claim.value]}", looks[names[claim.of]], comparison))
    return {
        "findings": findings(headline(design, comparisons), on_loss, on_accuracy),
        "curves": curves(by_seed(history, "epoch", "loss"), by_seed(history, "epoch", "val_loss"), kept),
        "patience": patience(
            np.unique(patiences["patience"]),
            by_seed(patiences, "patience", "val_loss"),
            by_seed(patiences, "patience", "epochs"),
        ),
    }


def command(row: Titled, seed: int) -> str:
    """Return the command that runs a training as an experiment of the pipeline."""
    names = ("optimizer", "dropout", "epochs", "patience", "save_best_only")
    values = {name: getattr(row, name) for name in names} | {"seed": seed}
    return " ".join(["dvc exp run", *(f"-S {name}={written(value, 'null')}" for name, value in values.items())])


def answer(claim: Claim, comparison: Comparison, language: str) -> str:
    """Say whether a claim holds, in English ("en") or Korean ("ko")."""
    if language == "en" or comparison.is_significant:
        return verdict(comparison, getattr(claim.less, language), getattr(claim.more, language))
    seeds = comparison.seeds_needed
    needed = f"{seeds}개쯤" if seeds else f"{MANY:,}개 넘게"
    return f"유의하지 않음(이만큼 작은 차이를 확인하려면 시드가 {needed} 필요)"


def main() -> None:
    """Tables in study/notes/ -> study/notes/{results,claims}.csv, {findings,curves,patience}.png, README{,.ko}.md."""
    inputs = Inputs("notes-findings", "study/dvc.yaml")
    design = read_design()
    trainings, history, patiences = map(pd.read_csv, (TRAININGS, HISTORY, PATIENCE))
    values = values_of(trainings, history)
    spreads = {name: {value: spread(seeds) for value, seeds in row.items()} for name, row in values.items()}
    comparisons = compare(
        {claim: values[claim.of][claim.value] - values[claim.beside][claim.value] for claim in design.claims}
    )
    use_style()
    drawn = figures(design, values, history, patiences, comparisons)
    page = {
        "study": design,
        "data": load_json(DATA),
        "spreads": spreads,
        "found": comparisons,
        "answer": answer,
        "command": command,
    }
    with outputs(inputs) as begin:
        save_csv(
            begin(FOLDER / "results.csv"),
            ["training", "value", *Spread._fields],
            ([name, value, *row] for name, of in spreads.items() for value, row in of.items()),
        )
        save_csv(
            begin(FOLDER / "claims.csv"),
            ["of", "beside", "value", *Spread._fields, *Comparison._fields[1:]],
            ([claim.of, claim.beside, claim.value, *row.difference, *row[1:]] for claim, row in comparisons.items()),
        )
        for name, figure in drawn.items():
            save_png(figure, begin(FOLDER / f"{name}.png"))
        for name in PAGES:
            begin(FOLDER / name).write_text(render(FOLDER / f"{name}.jinja", **page), encoding="utf-8")
    for claim, comparison in comparisons.items():
        print(f"{claim.claim.en}: {answer(claim, comparison, 'en')}")


if __name__ == "__main__":
    run(main)

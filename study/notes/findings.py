"""Describe what the notes' trainings show: tables, three figures, a page in two languages."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from seeds.statistics import WORDS, Comparison, Spread, compare, spread, verdict
from stages.base.files import load_json, save_csv, unusable
from stages.base.inputs import Inputs
from stages.base.params import written
from stages.base.process import outputs, run
from stages.report.pages import render
from stages.report.style import save_png, use_style
from study.notes.design import Claim, Row, Study, read_design
from study.notes.figures import Effect, curves, findings, looks_of, patience
from study.wording import KOREAN, LANGUAGES

FOLDER, DATA = Path("study/notes"), Path("metrics/data.json")
TRAININGS, HISTORY, PATIENCE = (FOLDER / f"{name}.csv" for name in ("trainings", "history", "patience"))
VALUES = ["epochs", "kept_epoch", "loss", "val_loss", "test_loss", "accuracy", "val_accuracy", "test_accuracy"]
# As Keras writes them.
LABELS = {"gap": "gap", "val_loss": "validation loss", "val_accuracy": "accuracy"}
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "nadam": "Nadam", "rmsprop": "RMSprop"}

Values = dict[str, dict[str, np.ndarray]]  # training -> value -> [seeds]


def read_table(path: Path) -> pd.DataFrame:
    """Read a table with every digit.

    Raises:
        UserError: the file is absent or not a table.
    """
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error


def values_of(design: Study, trainings: pd.DataFrame, history: pd.DataFrame) -> Values:
    """Return what was measured, and two differences of losses, in the order of the seeds.

    `gap` is validation loss minus training loss, both measured after training with dropout off. `plotted_distance` is
    the distance of the notes' two curves at the last epoch: their training loss has dropout on and is the mean over the
    epoch.

    Raises:
        UserError: the table has other trainings or seeds than the design.
    """
    expected = [(name, seed) for seed in range(1, design.seeds + 1) for name in design.trainings]
    if list(zip(trainings["training"], trainings["seed"], strict=True)) != expected:
        raise unusable(TRAININGS, "its trainings and seeds are not those of study/notes.yaml")
    keys = ["training", "seed", "epochs"]
    last = trainings[keys].merge(history.rename(columns={"epoch": "epochs"}), on=keys, how="left")
    table = trainings.assign(
        gap=trainings["val_loss"] - trainings["loss"], plotted_distance=last["val_loss"] - last["loss"]
    )
    columns = [*VALUES, "gap", "plotted_distance"]
    return {
        name: {value: table.loc[table["training"] == name, value].to_numpy(float) for value in columns}
        for name in design.trainings
    }


def curve(row: Row) -> str:
    """Name the curve of a training: its optimizer and its dropout rate."""
    return OPTIMIZERS[row.optimizer] + (f", dropout {written(row.dropout)}" if row.dropout else "")


def effect_of(design: Study, claim: Claim) -> str | None:
    """Name the change that a claim is about, or return None unless it is dropout or early stopping."""
    changed, plain = (design.trainings[name].params(0) for name in (claim.of, claim.beside))
    if changed == plain.model_copy(update={"dropout": changed.dropout}):
        return f"dropout {written(changed.dropout)}, {changed.epochs} epochs"
    if changed.patience and not plain.patience and changed.dropout == plain.dropout:
        return f"early stopping, {'with' if changed.dropout else 'without'} dropout"
    return None


def does_dropout(design: Study, found: dict[Claim, Comparison]) -> str:
    """Return the title of the findings: what dropout does to the gap and to accuracy."""
    method = f"means of {design.seeds} seeds, 95% intervals; filled: significant after Holm's correction"
    by_value = {(claim.of, claim.value): comparison for claim, comparison in found.items()}
    for claim, gap in found.items():
        accuracy = by_value.get((claim.of, "val_accuracy"))
        if claim.value == "gap" and accuracy and effect_of(design, claim):
            change = f"{abs(gap.difference.mean):.3f}"
            nothing = dict.fromkeys(WORDS, "is not shown to change the gap")
            on_gap = verdict(gap, f"narrows the gap by {change}", f"widens the gap by {change}", nothing)
            change = f"{100 * abs(accuracy.difference.mean):.2f} points of accuracy"
            nothing = dict.fromkeys(WORDS, "is not shown to change accuracy")
            on_accuracy = verdict(accuracy, f"costs {change}", f"adds {change}", nothing)
            plain = design.trainings[claim.beside]
            return f"Dropout {on_gap} and {on_accuracy} ({curve(plain)}, {plain.epochs} epochs)\n{method}"
    return f"What dropout and early stopping change\n{method}"


def figures(design: Study, values: Values, history: pd.DataFrame, found: dict[Claim, Comparison]) -> dict[str, Figure]:
    """Draw the three figures, by the names of their files."""
    rows = design.trainings
    names = {name: curve(row) for name, row in rows.items()}
    # The longest training of each curve that nothing stopped.
    whole: dict[str, str] = {}
    for name in sorted(rows, key=lambda name: rows[name].epochs):
        if rows[name].patience is None:
            whole[names[name]] = name
    whole = {names[name]: name for name in rows if name in whole.values()}

    def by_seed(table: pd.DataFrame, column: str, value: str) -> dict[str, np.ndarray]:
        """Return [seeds, values of the column] for each curve."""
        return {
            name: table[table["training"] == training].pivot(index="seed", columns=column, values=value).to_numpy()
            for name, training in whole.items()
        }

    stopped = {
        names[name]: np.stack((values[name]["kept_epoch"], values[name]["val_loss"]), axis=-1)  # [seeds, 2]
        for name, row in rows.items()
        if row.patience is not None and names[name] in whole
    }

    effects = {claim: effect_of(design, claim) for claim in found}
    shown = {
        value: [
            Effect(f"{effects[claim]}: {LABELS[claim.value]}", names[claim.of], comparison)
            for claim, comparison in found.items()
            if effects[claim] and claim.value in values_shown
        ]
        for value, values_shown in (("loss", ("gap", "val_loss")), ("accuracy", ("val_accuracy",)))
    }
    tried = read_table(PATIENCE)

    return {
        "findings": findings(does_dropout(design, found), shown["loss"], shown["accuracy"], looks_of(names.values())),
        "curves": curves(by_seed(history, "epoch", "loss"), by_seed(history, "epoch", "val_loss"), stopped),
        "patience": patience(
            np.unique(tried["patience"]), by_seed(tried, "patience", "val_loss"), by_seed(tried, "patience", "epochs")
        ),
    }


def command(row: Row, seed: int) -> str:
    """Return the command that runs a training as an experiment of the pipeline."""
    names = ("optimizer", "dropout", "epochs", "patience", "save_best_only")
    values = {name: getattr(row, name) for name in names} | {"seed": seed}
    return " ".join(["dvc exp run", *(f"-S {name}={written(value, 'null')}" for name, value in values.items())])


def answer(claim: Claim, found: Comparison, language: str) -> str:
    """Say in a language whether a claim holds."""
    less, more = (getattr(wording, language) for wording in (claim.less, claim.more))
    return verdict(found, less, more, {"en": WORDS, "ko": KOREAN}[language])


def main() -> None:
    """Tables in study/notes/ -> study/notes/{results,claims}.csv, {findings,curves,patience}.png, README{,.ko}.md."""
    inputs = Inputs("notes-findings", "study/dvc.yaml")
    design, history = read_design(), read_table(HISTORY)
    values = values_of(design, read_table(TRAININGS), history)
    spreads = {name: {value: spread(seeds) for value, seeds in row.items()} for name, row in values.items()}
    differences = {claim: values[claim.of][claim.value] - values[claim.beside][claim.value] for claim in design.claims}
    found = compare(differences)
    use_style()
    drawn = figures(design, values, history, found)
    page = {"study": design, "spreads": spreads, "found": found, "answer": answer, "command": command}
    page |= {"data": load_json(DATA, "dataset", "train", "val", "test")}
    with outputs(inputs) as begin:
        save_csv(
            begin(FOLDER / "results.csv"),
            ["training", "value", *Spread._fields],
            ([name, value, *row] for name, of in spreads.items() for value, row in of.items()),
        )
        save_csv(
            begin(FOLDER / "claims.csv"),
            ["of", "beside", "value", *Spread._fields, *Comparison._fields[1:]],
            ([claim.of, claim.beside, claim.value, *row.difference, *row[1:]] for claim, row in found.items()),
        )
        for name, figure in drawn.items():
            save_png(figure, begin(FOLDER / f"{name}.png"))
        for name in LANGUAGES.values():
            text = render(FOLDER / f"{name}.jinja", **page)
            begin(FOLDER / name).write_text(text, encoding="utf-8")
    for claim, row in found.items():
        print(f"{claim.claim.en}: {answer(claim, row, 'en')}")


if __name__ == "__main__":
    run(main)

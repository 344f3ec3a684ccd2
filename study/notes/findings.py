"""Say in a table, two figures and plain words what the study found."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stages.base.files import load_csv, load_json, save_csv
from stages.base.inputs import Inputs
from stages.base.params import written
from stages.base.process import outputs, run
from stages.experiments.significance import Comparison, Spread, compare, spread, verdict
from stages.report.pages import render
from stages.report.style import save_png, use_style
from study.notes.design import Claim, Study, Training, read_design
from study.notes.figures import Measured, curves, findings, patience
from study.notes.korean import korean
from study.notes.tables import Values, load_history, load_values, longest

# as Keras writes them
OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "nadam": "Nadam", "rmsprop": "RMSprop"}
BENCHMARK, DATA = Path("benchmarks/results.json"), Path("metrics/data.json")


def comparisons(study: Study, values: Values) -> list[tuple[Claim, Comparison]]:
    """Each claim with what was measured, corrected for their number."""
    differences = {
        claim.claim: values[claim.of][claim.value] - values[claim.beside][claim.value] for claim in study.claims
    }
    return list(zip(study.claims, compare(differences).values(), strict=True))


def curve(training: Training) -> str:
    """What its curve is called: the optimizer and the dropout rate."""
    params = training.params
    return OPTIMIZERS[params.optimizer] + (f", dropout {written(params.dropout)}" if params.dropout else "")


def labels(study: Study, curves: dict[str, str]) -> dict[str, str]:
    """What each training is called where nothing else says what it is: its curve, and when it ends."""
    ends = {
        name: "early stopping" if training.params.patience is not None else f"{training.params.epochs} epochs"
        for name, training in study.trainings.items()
    }
    told = {name: f"{curves[name]}, {end}" for name, end in ends.items()}
    return (
        told if len(set(told.values())) == len(told) else {name: each.title for name, each in study.trainings.items()}
    )


def found_of_dropout(study: Study, claims: list[tuple[Claim, Comparison]]) -> str:
    """The finding: what dropout does to the gap and to accuracy, of two trainings that differ in nothing else."""
    all_are = f"means of {study.seeds} seeds, 95% intervals"
    found = {(claim.of, claim.beside, claim.value): comparison for claim, comparison in claims}
    for (of, beside, value), gap in found.items():
        with_it, without = (study.trainings[name].params for name in (of, beside))
        accuracy = found.get((of, beside, "val_accuracy"))
        if value == "gap" and accuracy and with_it == without.model_copy(update={"dropout": with_it.dropout}):
            what = _does(gap, "narrows the gap", "widens the gap", "is not shown to change the gap")
            how = _does(accuracy, "costs", "adds", "is not shown to change accuracy")
            how += " of accuracy" * accuracy.is_shown
            which = f"{curve(study.trainings[beside])}, {without.epochs} epochs"
            return f"Dropout {what} and {how} ({which})\n{all_are}"
    return f"Gap and validation accuracy\n{all_are}"


def _does(found: Comparison, less: str, more: str, nothing: str) -> str:
    if not found.is_shown:
        return nothing
    by = f"{abs(found.difference.mean):.3f}"
    does = less if found.difference.mean < 0 else more
    return f"{does} {by}" if does in ("costs", "adds") else f"{does} by {by}"


def command(training: Training, seed: int) -> str:
    """The command that runs it as an experiment of the pipeline."""
    names = ("optimizer", "dropout", "epochs", "patience")
    values = {name: getattr(training.params, name) for name in names} | {"seed": seed}
    return " ".join(["dvc exp run", *(f"-S {name}={written(value, 'null')}" for name, value in values.items())])


def told(claim: Claim, found: Comparison) -> str:
    """What was found of a claim, in words."""
    return verdict(found, claim.less, claim.more)


def figures(
    study: Study,
    values: Values,
    history: dict[str, dict[str, np.ndarray]],
    spreads: dict[str, dict[str, Spread]],
    claims: list[tuple[Claim, Comparison]],
) -> dict[str, Figure]:
    """The three figures, by the names of their files."""
    longer = longest(study)
    whole = [name for name in study.trainings if longer.get(name) == name]
    names = {name: curve(training) for name, training in study.trainings.items()}
    if len({names[name] for name in whole}) < len(whole):  # they differ in something else
        names = {name: training.title for name, training in study.trainings.items()}
    loss, val_loss = ({names[name]: history[metric][name] for name in whole} for metric in ("loss", "val_loss"))
    stopped = {
        names[longer[name]]: np.stack((values[name]["kept_epoch"], values[name]["val_loss"]), axis=-1)
        for name in longer
        if study.trainings[name].params.patience is not None
    }

    def place(name: str) -> tuple:
        params = study.trainings[name].params
        first = next(other for other in study.trainings if names[other] == names[name])
        return list(study.trainings).index(first), params.patience is not None, params.epochs

    called = labels(study, names)
    measured = [
        Measured(called[name], names[name], spreads[name]["gap"], spreads[name]["val_accuracy"])
        for name in sorted(study.trainings, key=place)
    ]

    columns = {"training": str, "seed": int, "patience": int, "epochs": int, "val_loss": float}
    rows = [row for row in load_csv(Path("study/notes/patience.csv"), columns) if row["training"] in whole]
    patiences = np.unique([row["patience"] for row in rows])
    kept, run = (
        {
            names[name]: np.reshape([row[column] for row in rows if row["training"] == name], (study.seeds, -1))
            for name in whole
        }
        for column in ("val_loss", "epochs")
    )
    return {
        "findings": findings(found_of_dropout(study, claims), measured),
        "curves": curves(loss, val_loss, stopped),
        "patience": patience(patiences, kept, run),
    }


def seconds_an_epoch() -> tuple[float, str]:
    """How long an epoch takes, and on what: from the benchmark, since a result says nothing of the machine's time."""
    benchmark = load_json(BENCHMARK, "machine", "rows")
    row = next(row for row in benchmark["rows"] if row["name"] == "an epoch with validation")
    return row["ours"]["median"], "{cores} cores, {processor}".format(**benchmark["machine"])


def page(
    template: str, study: Study, spreads: dict[str, dict[str, Spread]], claims: list[tuple[Claim, Comparison]]
) -> str:
    """study/notes/README.md and its Korean twin."""
    seconds, machine = seconds_an_epoch()
    data = load_json(DATA, "dataset", "train", "val", "test")
    return render(
        Path(f"study/notes/{template}.jinja"),
        study=study,
        data=data,
        spreads=spreads,
        claims=claims,
        told=told,
        korean=korean,
        command=command,
        seconds=seconds,
        machine=machine,
    )


def main() -> None:
    """Tables in study/notes/ -> study/notes/{results,claims}.csv, {findings,curves,patience}.png, README{,.ko}.md."""
    inputs = Inputs("notes-findings", "study/dvc.yaml")
    study = read_design()
    history = load_history(study)
    values = load_values(study, history)
    spreads = {name: {value: spread(seeds) for value, seeds in row.items()} for name, row in values.items()}
    claims = comparisons(study, values)
    use_style()
    drawn = figures(study, values, history, spreads, claims)
    with outputs(inputs.stop_if_changed) as begin:
        save_csv(
            begin(Path("study/notes/results.csv")),
            ["training", "value", *Spread._fields],
            ([name, value, *found] for name, row in spreads.items() for value, found in row.items()),
        )
        save_csv(
            begin(Path("study/notes/claims.csv")),
            ["of", "beside", "value", *Spread._fields, *Comparison._fields[1:]],
            ([claim.of, claim.beside, claim.value, *found.difference, *found[1:]] for claim, found in claims),
        )
        for name, figure in drawn.items():
            save_png(figure, begin(Path(f"study/notes/{name}.png")))
        for name in ("README.md", "README.ko.md"):
            begin(Path(f"study/notes/{name}")).write_text(page(name, study, spreads, claims), encoding="utf-8")
    for claim, found in claims:
        print(f"{claim.claim}: {told(claim, found)}")


if __name__ == "__main__":
    run(main)

"""Print the results of the current run, where to look, and what to type next: the end of `make`."""

import json
from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import ValidationError

from stages.base.files import Schema, load, load_json
from stages.base.git import NAME_YOURSELF, committed, identity
from stages.base.inputs import comparable
from stages.base.params import PARAMS_FILE, Params, in_words, read_params
from stages.base.process import run
from stages.data.images import Counts
from stages.evaluation.results import Evaluation
from stages.training.result import TrainingResult

COUNTS, ENVIRONMENT = Path("metrics/data.json"), Path("metrics/environment.json")
TRAIN, EVALUATION = Path("metrics/train.json"), Path("metrics/evaluation.json")

NEXT = """
Open   plots/report.html        all of the run in one page: make report
       plots/                   its pictures, one by one
       models/CARD.md           the card of the model: what it is and how good

Type   source .venv/bin/activate
       dvc exp run -S dropout=0.5   another dropout rate; the knobs: params.yaml
       dvc metrics diff             what it changed
       make try DROPOUT=0.5         is it better? ten seeds, one answer
       make back                    to the committed parameters and results"""

SEEDS = """
One seed each. A small difference can be the seed's alone: README.md says how
far ten seeds lie apart, and `make compare` tells luck from more."""


def _then(path: Path, schema: type[Schema]) -> Schema | None:
    """What the last commit has of such a file."""
    text = committed(path.as_posix())
    with suppress(ValidationError):  # of a time when it had another form
        return schema.model_validate_json(text) if text else None
    return None


def other_images(params: Params) -> str | None:
    """One line if the committed results are of other images than the current ones, else None."""
    there = yaml.safe_load(committed(PARAMS_FILE.as_posix()) or "null") or {}
    used = params.of_images().items()
    different = [name for name, value in used if name in there and comparable(there[name]) != comparable(value)]
    if "dataset" in different:
        return (
            f"These are results on {params.dataset}, the committed ones are on {there['dataset']}. "
            "To get back to them: make back"
        )
    if different:
        return f"The committed results are of other images ({', '.join(different)}): not shown beside these."
    return None


def other_environment() -> str | None:
    """One line if the committed results come from another environment than the current ones, else None."""
    here, there = load_json(ENVIRONMENT), json.loads(committed(ENVIRONMENT.as_posix()) or "null")
    if not there:
        return None
    different = [
        f"{key} {here.get(key)} here, {there.get(key)} there" for key in here | there if here.get(key) != there.get(key)
    ]
    if not different:
        return None
    return (
        f"The committed results come from another environment ({'; '.join(different)}), "
        "which rounds differently: bytes differ, and figures in their last digits."
    )


def edited(params: Params) -> str | None:
    """One line if params.yaml has changed since the run, else None."""
    now = read_params()
    changed = [name for name, value in params if getattr(now, name) != value]
    if not changed:
        return None
    return f"params.yaml was edited since: these are results of {in_words(params, changed)}. To run it as it is: make"


def figures(evaluation: Evaluation) -> dict[str, float]:
    """What the table shows of a run: accuracies and losses of the kept epoch, all with dropout off, and their gap."""
    training, validation, test = evaluation.training, evaluation.validation, evaluation.test
    return {
        "validation accuracy": validation.accuracy,
        "test accuracy": test.accuracy,
        "validation loss": validation.loss,
        "test loss": test.loss,
        "training loss, dropout off": training.loss,
        "gap (validation - training)": evaluation.gap,
    }


def table(here: dict[str, float], then: dict[str, float]) -> list[str]:
    """The lines of the table; with the committed figures beside them if there are any."""
    lines = [f"{'':32}{'this run':>10}" + (f"{'committed':>12}{'difference':>12}" if then else "")]
    for name, value in here.items():
        line = f"{name:32}{value:10.4f}"
        if then:
            difference = value - then[name]
            line += f"{then[name]:12.4f}" + (f"{difference:+12.4f}" if difference else f"{'none':>12}")
        lines.append(line)
    return lines


def main() -> None:
    """metrics/*.json, params.yaml -> a table on the terminal, beside the committed results if they can be compared."""
    data, train, evaluation = load(COUNTS, Counts), load(TRAIN, TrainingResult), load(EVALUATION, Evaluation)
    params = Params(**load_json(Path("metrics/inputs.json"), "params")["params"])
    ending = train.why_it_ended(params.monitor, params.patience, params.min_delta)
    print(f"\n{data.dataset}: {data.train:,} training, {data.val:,} validation, {data.test:,} test images")
    print(f"epoch {train.best_epoch} is kept; {ending}\n")

    here, then = figures(evaluation), {}
    other, before = other_images(params), _then(EVALUATION, Evaluation)
    if not other and before:
        then = figures(before)
    print("\n".join(table(here, then)))
    if then and here != then:
        print(SEEDS)
    print(NEXT)
    nobody = NAME_YOURSELF if identity() else None
    for line in filter(None, (edited(params), other, other_environment(), nobody)):
        print(f"\n{line}")


if __name__ == "__main__":
    run(main)

"""Print the results of the current run beside the committed ones, and what to type next: the end of `make`."""

import json
import textwrap
from contextlib import suppress
from pathlib import Path

import yaml
from pydantic import ValidationError

from stages.base.files import load, load_json
from stages.base.inputs import MAKER, warn_if_edited
from stages.base.params import PARAMS_FILE, Params, written
from stages.base.process import run
from stages.data.images import Counts
from stages.evaluation.results import Evaluation
from stages.training.result import TrainingResult
from tools.git import committed

COUNTS, ENVIRONMENT = Path("metrics/data.json"), Path("metrics/environment.json")
TRAIN, EVALUATION = Path("metrics/train.json"), Path("metrics/evaluation.json")

NEXT = """
Open   plots/report.html    the run in one page: make report
       models/CARD.md       what the model is and how good

Type   source .venv/bin/activate
       dvc exp run -S dropout=0.5         another dropout rate; all: params.yaml
       dvc metrics diff                   what it changed
       python -m seeds try dropout=0.5    is it better? ten seeds, one answer
       make back                          return to what is committed"""

SEEDS = """
One seed each: a small difference can be chance. python -m seeds
compares settings over several seeds."""


def committed_evaluation() -> Evaluation | None:
    """Return the evaluation of the last commit, or None if it has none of this form."""
    text = committed(EVALUATION.as_posix())
    with suppress(ValidationError):
        return Evaluation.model_validate_json(text) if text else None
    return None


def other_images(params: Params) -> str | None:
    """Return one line if the committed results are those of other images, otherwise None."""
    before = yaml.safe_load(committed(PARAMS_FILE.as_posix()) or "{}")
    different = [f"{name} {written(value)}" for name, value in params.of_images().items() if before.get(name) != value]
    if not different or not before:
        return None
    return f"These results are on other images than the committed ones ({', '.join(different)}). Back: make back"


def other_environment() -> str | None:
    """Return one line if the committed results come from another environment, otherwise None."""
    here, before = load_json(ENVIRONMENT), json.loads(committed(ENVIRONMENT.as_posix()) or "{}")
    different = [f"{key} {value}, there {before.get(key)}" for key, value in here.items() if before.get(key) != value]
    if not different or not before:
        return None
    return f"The committed results come from another environment, so last digits differ: {'; '.join(different)}"


def figures(evaluation: Evaluation) -> dict[str, float]:
    """Return what the table shows: scores of the kept epoch, all with dropout off, and their gap."""
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
    """Return the lines of the table, with the committed figures if there are any."""
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
    params = Params(**{name: value for path in MAKER for name, value in load_json(path).items()})
    ending = train.why_it_ended(params.monitor, params.patience, params.min_delta)
    print(f"\n{data.dataset}: {data.train:,} training, {data.val:,} validation, {data.test:,} test images")
    print(f"epoch {train.best_epoch} is kept; {ending}\n")

    other, before = other_images(params), committed_evaluation()
    here, then = figures(evaluation), figures(before) if before and not other else {}
    print("\n".join(table(here, then)))
    if then and here != then:
        print(SEEDS)
    print(NEXT)
    for line in filter(None, (other, other_environment())):
        print(f"\n{textwrap.fill(line, 80)}")
    warn_if_edited()


if __name__ == "__main__":
    run(main)

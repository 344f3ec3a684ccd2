"""Print the results of the current run beside the committed ones, and what to type next: the end of `make`."""

import json
from pathlib import Path

from stages.base.files import load_json
from stages.base.inputs import warn_if_edited
from stages.base.process import run
from stages.data.images import Counts
from stages.training.result import TrainingResult
from tools.git import committed

COUNTS, EVALUATION = Path("metrics/data.json"), Path("metrics/evaluation.json")

NEXT = """
Open   plots/report.html    the run in one page: make report
       models/CARD.md       what the model is and how good

Type   source .venv/bin/activate
       dvc exp run -S dropout=0.5         another dropout rate; all: params.yaml
       dvc metrics diff                   what it changed
       python -m seeds try dropout=0.5    is it better? ten seeds, one answer
       make back                          return to the committed results"""


def figures(evaluation: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the rows of the table: scores of the kept epoch, all with dropout off, and their gap."""
    training, validation, test = (evaluation[part] for part in ("training", "validation", "test"))
    return {
        "validation accuracy": validation["accuracy"],
        "test accuracy": test["accuracy"],
        "validation loss": validation["loss"],
        "test loss": test["loss"],
        "training loss, dropout off": training["loss"],
        "gap (validation - training)": validation["loss"] - training["loss"],
    }


def print_table(here: dict[str, float], before: dict[str, float]) -> None:
    """Print the table, with the committed figures if there are any."""
    print(f"{'':32}{'this run':>10}" + (f"{'committed':>12}{'difference':>12}" if before else ""))
    for name, value in here.items():
        comparison = f"{before[name]:12.4f}{value - before[name]:+12.4f}" if before else ""
        print(f"{name:32}{value:10.4f}{comparison}")


def main() -> None:
    """metrics/*.json -> a table on the terminal, beside the committed results if they are on the same images."""
    data, train = load_json(COUNTS, Counts), load_json(Path("metrics/train.json"), TrainingResult)
    print(f"\n{data.dataset}: {data.train:,} training, {data.val:,} validation, {data.test:,} test images")
    print(f"epoch {train.best_epoch} is kept; {train.how_it_ended()}\n")

    images, text = committed(COUNTS.as_posix()), committed(EVALUATION.as_posix())
    same_images = images is None or json.loads(images) == data.model_dump()
    before = figures(json.loads(text)) if text and same_images else {}
    here = figures(load_json(EVALUATION))
    print_table(here, before)
    if not same_images:
        print("\nThese results are on other images than the committed ones. Back: make back")
    elif before and here != before:
        print(
            "\nOne seed each: a small difference can be chance. python -m seeds\ncompares settings over several seeds."
        )
    print(NEXT)
    warn_if_edited()


if __name__ == "__main__":
    run(main)

"""Print the results of the current run, where to look, and what to type next: the end of `make`."""

import json
import subprocess
from pathlib import Path
from typing import Any

from stages.core.artifacts import load_json
from stages.core.errors import run

NEXT = """
Look at   plots/curves.png, plots/confusion.png, metrics/evaluation.json
Type      source .venv/bin/activate
          dvc exp run -S dropout=0.5    # another dropout rate (the knobs: params.yaml)
          dvc metrics diff              # what it changed
          make back                     # to the committed parameters and results"""


def _current(name: str) -> dict[str, Any]:
    return load_json(Path(f"metrics/{name}.json"))


def _committed(name: str) -> dict[str, Any]:
    """The same in the last commit; empty if it is not there."""
    shown = subprocess.run(["git", "show", f"HEAD:metrics/{name}.json"], capture_output=True, check=False)
    return {} if shown.returncode else json.loads(shown.stdout)


def other_dataset() -> str | None:
    """One line if the committed results are of another data set than the current ones, else None."""
    here, there = _current("data")["dataset"], _committed("data").get("dataset")
    if there in (None, here):
        return None
    return f"These are results on {here}, the committed ones are on {there}. To get back to them: make back"


def other_environment() -> str | None:
    """One line if the committed results come from another environment than the current ones, else None."""
    here, there = _current("environment"), _committed("environment")
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


def main() -> None:
    """metrics/*.json, metrics/environment.json -> a table on the terminal."""
    data, train, evaluation = (_current(name) for name in ("data", "train", "evaluation"))
    ending = f"stopped early after {train['stopped_epoch']}" if train["stopped_early"] else "ran all"
    validation, test = evaluation["validation"], evaluation["test"]
    print(
        f"\n{data['dataset']}: {data['train']:,} training, {data['val']:,} validation, {data['test']:,} test images\n"
        f"kept epoch {train['best_epoch']} of {train['epochs']} ({ending})\n\n"
        f"{'':10}{'validation':>12}{'test':>10}\n"
        f"{'accuracy':10}{validation['accuracy']:12.4f}{test['accuracy']:10.4f}\n"
        f"{'loss':10}{validation['loss']:12.4f}{test['loss']:10.4f}"
    )
    print(NEXT)
    for line in filter(None, (other_dataset(), other_environment())):
        print(f"\n{line}")


if __name__ == "__main__":
    run(main)

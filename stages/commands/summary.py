"""Print the results of the current run, where to look, and what to type next: the end of `make`."""

import json
import subprocess
from pathlib import Path
from typing import Any

from stages.core.errors import UserError, run

ENVIRONMENT = "metrics/environment.json"

NEXT = """
Look at   plots/curves.png, plots/confusion.png, metrics/evaluation.json
Type      source .venv/bin/activate
          dvc exp run -S dropout=0.5    # another dropout rate (the knobs: params.yaml)
          dvc metrics diff              # what it changed
          make back                     # to the committed parameters and results"""


def _read(path: str) -> dict[str, Any]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no results yet; make them with: dvc repro") from None


def other_environment() -> str | None:
    """One line if the committed results come from another environment than the current ones, else None."""
    committed = subprocess.run(["git", "show", f"HEAD:{ENVIRONMENT}"], capture_output=True, check=False)
    if committed.returncode:  # nothing committed to compare with
        return None
    here, there = _read(ENVIRONMENT), json.loads(committed.stdout)
    different = [f"{key} {here[key]} here, {there.get(key)} there" for key in here if here[key] != there.get(key)]
    if not different:
        return None
    return (
        f"The committed results come from another environment ({'; '.join(different)}), "
        "which rounds differently: bytes differ, and figures in their last digits."
    )


def main() -> None:
    """metrics/*.json, metrics/environment.json -> a table on the terminal."""
    data, train, evaluation = (_read(f"metrics/{name}.json") for name in ("data", "train", "evaluation"))
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
    if line := other_environment():
        print(f"\n{line}")


if __name__ == "__main__":
    run(main)

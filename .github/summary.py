"""Print what the working tree changed since a commit as Markdown for a job's summary: parameters, metrics, curves.

On a terminal: python .github/summary.py origin/main. GitHub draws the blocks between ```mermaid and ```.
"""

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd

HISTORY = Path("plots/history.csv")
GREY_AND_BLUE = """---
config:
  themeVariables:
    xyChart:
      plotColorPalette: "#999999, #0072B2"
---"""


def output(*command: str) -> str:
    """Return what a command prints.

    Raises:
        CalledProcessError: it fails.
    """
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def chart(title: str, before: pd.Series, now: pd.Series) -> str:
    """Return a chart of a value over the epochs."""
    epochs = max(before, now, key=len).index + 1
    lines = "\n".join(f"    line {[round(value, 4) for value in values]}" for values in (before, now))
    return (
        f"```mermaid\n{GREY_AND_BLUE}\nxychart-beta\n"
        f'    title "{title} (grey: before, blue: now)"\n    x-axis "epoch" {epochs.tolist()}\n{lines}\n```\n'
    )


def main() -> None:
    """Print the Markdown; the commit is the argument."""
    (commit,) = sys.argv[1:]
    for name in ("params", "metrics"):
        print(f"## {name.capitalize()}\n\n{output('dvc', name, 'diff', '--md', commit)}")
    before, now = pd.read_csv(io.StringIO(output("git", "show", f"{commit}:{HISTORY}"))), pd.read_csv(HISTORY)
    print("## Curves\n")
    print(chart("Validation loss, cross-entropy (nats)", before["val_loss"], now["val_loss"]))
    print(chart("Validation accuracy", before["val_accuracy"], now["val_accuracy"]))


if __name__ == "__main__":
    main()

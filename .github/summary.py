"""What a run changed beside a commit, as Markdown for the summary of a job on GitHub: parameters, metrics, curves.

By itself: python .github/summary.py origin/main. GitHub draws what stands between ```mermaid and ```.
"""

import csv
import io
import subprocess
import sys
from pathlib import Path

HISTORY = Path("plots/history.csv")
CURVES = {
    "val_loss": ("Validation loss", "cross-entropy (nats)"),
    "val_accuracy": ("Validation accuracy", "share of images that is right"),
}
COLOURS = """---
config:
  themeVariables:
    xyChart:
      plotColorPalette: "#999999, #0072B2"
---"""


def said(*command: str) -> str:
    """What a command prints.

    Raises:
        CalledProcessError: it fails.
    """
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read(text: str) -> list[dict[str, str]]:
    """The epochs of a training, as plots/history.csv has them."""
    return list(csv.DictReader(io.StringIO(text)))


def chart(value: str, before: list[dict[str, str]], now: list[dict[str, str]]) -> str:
    """One value over the epochs: grey as it was, blue as it is."""
    title, unit = CURVES[value]
    lines = [[float(epoch[value]) for epoch in of] for of in (before, now)]
    drawn = "\n".join(f"    line [{', '.join(f'{each:.4f}' for each in line)}]" for line in lines)
    low, high = min(map(min, lines)), max(map(max, lines))
    epochs = ", ".join(map(str, range(1, 1 + max(map(len, lines)))))  # as words, or a shorter line is stretched
    return (
        f'```mermaid\n{COLOURS}\nxychart-beta\n    title "{title} (grey: before, blue: now)"\n'
        f'    x-axis "epoch" [{epochs}]\n    y-axis "{unit}" {low:.3f} --> {high:.3f}\n{drawn}\n```'
    )


def main() -> None:
    """A commit -> Markdown on standard output."""
    (base,) = sys.argv[1:]
    for name in ("params", "metrics"):
        print(f"## {name.capitalize()}\n\n{said('dvc', name, 'diff', '--md', base).strip()}\n")
    before, now = read(said("git", "show", f"{base}:{HISTORY}")), read(HISTORY.read_text(encoding="utf-8"))
    print("## Curves\n")
    print("\n\n".join(chart(value, before, now) for value in CURVES) if now != before else "No change.")


if __name__ == "__main__":
    main()

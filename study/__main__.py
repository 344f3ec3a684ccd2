"""Run the study, or a part of it: `make study`, `make study PART=sizes`. First it says how long each part takes."""

import sys
from typing import NamedTuple

from stages.base.errors import UserError
from stages.base.process import run
from stages.commands import repro

MACHINE = "2 cores of an AMD EPYC"


class Part(NamedTuple):
    """A part of the study."""

    stage: str  # of study/dvc.yaml, the last one
    asks: str
    steps: tuple[tuple[str, int], ...]  # what is trained, and the minutes that it took on `MACHINE`


PARTS = {
    "notes": Part("notes-findings", "what the notes claim", (("80 trainings", 5),)),
    "sizes": Part("sizes-effects", "when dropout pays", (("240 dense networks", 115), ("42 convolutional", 95))),
}


def main() -> None:
    """Say what is asked and how long it takes; then `dvc repro`."""
    chosen = sys.argv[1:] or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        raise UserError(f"PART: must be {' or '.join(PARTS)}, got {', '.join(unknown)}")
    print(f"From nothing, on {MACHINE} (what is stored is not computed again):", flush=True)
    for name, part in PARTS.items():
        if name in chosen:
            steps = ", ".join(f"{trained} {minutes} min" for trained, minutes in part.steps)
            print(f"  {name:7}{part.asks}: {steps}")
    repro.main([f"study/dvc.yaml:{PARTS[name].stage}" for name in chosen])


if __name__ == "__main__":
    run(main)

"""Check the parameters, get the raw files that the next `dvc repro` needs, mend DVC's: the beginning of `make`.

By itself: `python -m stages.commands.fetch`, before a journey without a network. Exit codes: 2 wrong parameters,
3 the data cannot be reached.
"""

import subprocess
import sys

from stages import check
from stages.commands.mend import mend
from stages.core import fetch
from stages.core.errors import run
from stages.core.params import read_params


def dvc_has_the_prepared_data() -> bool:
    """Whether `dvc repro` would find what `prepare` makes in the workspace or its cache, and need no raw files."""
    plan = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--dry", "prepare"], capture_output=True, text=True, check=False
    )
    return "Stage 'prepare'" in plan.stdout  # "didn't change, skipping" or "is cached"; else "Running stage 'prepare'"


def main() -> None:
    """params.yaml, data/fashion_mnist.yaml -> data/raw/."""
    mend()
    check.main()
    if read_params().dataset == "fashion_mnist":
        registry = fetch.read_registry()
        if not fetch.on_this_machine(registry) and not dvc_has_the_prepared_data():
            fetch.fetch(registry)


if __name__ == "__main__":
    run(main)

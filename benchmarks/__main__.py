"""This project beside the notes' plain Keras script: `make bench`.

Runs rounds of measurements in fresh clones of the last commit, on the real data, and writes benchmarks/results.json
and benchmarks/results.md.

    python -m benchmarks --runs 5
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.measure import machine
from benchmarks.page import page
from benchmarks.rounds import Samples, Settings, one_round
from benchmarks.table import results
from benchmarks.workspace import Workspace
from stages import ROOT
from stages.base.files import save_json
from stages.base.process import run
from stages.data.raw_files import fetch, read_registry
from stages.experiments.clones import clone

RESULTS = ROOT / "benchmarks"
QUICK_RESULTS = RESULTS / "quick"  # not committed


def main() -> None:
    """Measure, write, show."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round on few images, only to see that it works; writes to benchmarks/quick/",
    )
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    if arguments.quick:
        settings = Settings(1, 2, (1, 2), {"epochs": 2, "patience": None, "limit": 1000}, 400, (1, 2))
    else:
        settings = Settings(arguments.runs, 10, (1, 2, 4, 8), {"epochs": 10, "patience": None}, 8000, (1, 2, 4))

    fetch(read_registry())  # so that no round downloads
    samples = Samples()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"  # every round is of one commit, also where somebody commits meanwhile
        clone(source, Path("cache"))
        for number in range(settings.runs):
            print(f"round {number + 1} of {settings.runs}", flush=True)
            workspace = Workspace(source, Path(folder) / f"round {number + 1}", settings.params)
            one_round(workspace, settings, samples)
            shutil.rmtree(workspace.folder)

    measured = results(samples, settings, arguments.quick, machine())
    folder = QUICK_RESULTS if arguments.quick else RESULTS
    folder.mkdir(exist_ok=True)
    save_json(folder / "results.json", measured)
    text = page(measured)
    (folder / "results.md").write_text(text, encoding="utf-8")
    print(f"\n{text}")


if __name__ == "__main__":
    run(main)

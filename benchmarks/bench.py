"""Measure the time and memory of this project beside the notes' plain Keras script.

    python -m benchmarks.bench --rounds 5    about five minutes per round on 2 cores

Each round works in a new temporary clone of the last commit, with its own cache and epoch store. The commands of this
project and the notes' script take turns, each as a process of its own. Prints the table of benchmarks/results.md.
"""

import argparse
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import archspec.cpu
from dvc.utils.hydra import apply_overrides
from joblib import cpu_count

ROOT = Path(__file__).resolve().parent.parent
EPOCHS, CNN_EPOCHS = 10, 4
IMAGES, CNN_IMAGES = 60_000, 10_000  # for training and validation
SEEDS = 10  # of each of the two settings that `try` trains

EPOCH = re.compile(r"\s*\d+/\d+ (?!.* stored )")  # begins the line of a computed epoch, in our train stage and in fit
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes

ROWS = (  # title, attribute of `Measured`, our command, the notes' command
    ("an epoch with validation", "epoch", "train", "notes"),
    ("the train stage", "seconds", "train", "notes"),
    ("`dvc repro` from nothing", "seconds", "repro", "notes"),
    ("`dvc exp run -S dropout=0.5`", "seconds", "dropout", "notes"),
    ("`dvc exp run -S patience=2`", "seconds", "patience", "notes"),
    ("an epoch of `cnn` with validation", "epoch", "train cnn", "notes cnn"),
    ("peak memory of the train stage", "megabytes", "train", "notes"),
    ("peak memory of `dvc repro`", "megabytes", "repro", "notes"),
)


class Measured(NamedTuple):
    """The time and memory of one process."""

    seconds: float  # from its start to its end
    megabytes: float  # resident memory: its own or a child's, whichever is larger
    epoch: float  # seconds per epoch: the median of all but the first, which includes tracing the graph


Round = dict[str, Measured]  # by the names in ROWS


def measure(command: Sequence[str], folder: Path, epochs: int = 0) -> Measured:
    """Run `python -m command` in a folder and wait for its end.

    The seconds of an epoch are the time between the line that ends it and the line before. They include validation,
    checkpoint, store and display. Exits if the command fails or computes fewer than `epochs` epochs.
    """
    lines: list[str] = []
    ends: list[float] = []
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},  # so that a line arrives when it is printed
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout:
            lines.append(line)
            if EPOCH.match(line):
                ends.append(time.perf_counter())
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    megabytes = usage.ru_maxrss * MAXRSS_UNIT / 1e6
    print(f"  {' '.join(command)[:70]:<70}{seconds:8.2f} s{megabytes:7,.0f} MB", flush=True)
    if process.returncode or len(ends) < epochs:
        sys.exit(f"{''.join(lines)}expected {epochs} epochs and exit code 0, got {len(ends)} and {process.returncode}")
    between = [end - before for before, end in itertools.pairwise(ends)]
    return Measured(seconds, megabytes, median(between) if between else 0)


def measure_round(folder: Path) -> Round:
    """Measure every command once, in a clone of the last commit."""

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=folder, check=True)

    git("clone", "--quiet", "--config=user.name=Benchmark", "--config=user.email=b@example.org", str(ROOT), ".")
    params = folder / "params.yaml"
    apply_overrides(params, [f"epochs={EPOCHS}", "patience=null", f"limit={IMAGES}"])
    notes = ("benchmarks.notes", "--seed=0", "--no-early-stopping")
    results: Round = {}

    results["repro"] = measure(("dvc", "repro"), folder, EPOCHS)
    git("commit", "--quiet", "--all", "--message=Benchmark")  # the experiments start from here
    results["notes"] = measure((*notes, f"--epochs={EPOCHS}", f"--images={IMAGES}"), folder, EPOCHS)
    shutil.rmtree(folder / "models/.epochs")  # so that the train stage computes its epochs
    results["train"] = measure(("stages.train",), folder, EPOCHS)
    results["patience"] = measure(("dvc", "exp", "run", "-S", "patience=2"), folder)
    dropout = ("dvc", "exp", "run", "-S", "patience=null", "-S", "dropout=0.5")
    results["dropout"] = measure(dropout, folder, EPOCHS)
    results["try"] = measure(("seeds", "try", "dropout=0.5", f"--seeds={SEEDS}"), folder)

    apply_overrides(params, ["network=cnn", f"epochs={CNN_EPOCHS}", f"limit={CNN_IMAGES}"])
    measure(("stages.prepare",), folder)
    results["train cnn"] = measure(("stages.train",), folder, CNN_EPOCHS)
    few = ("--network=cnn", f"--epochs={CNN_EPOCHS}", f"--images={CNN_IMAGES}")
    results["notes cnn"] = measure((*notes, *few), folder, CNN_EPOCHS)
    return results


def spread(values: Sequence[float], unit: str = "") -> str:
    """Write the median, and the minimum and maximum unless they are the same: "1.02 s (1.00 to 1.10)"."""
    low, middle, high = (
        f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in (min(values), median(values), max(values))
    )
    return f"{middle}{unit}" + (f" ({low} to {high})" if low != high else "")


def table(rounds: Sequence[Round]) -> str:
    """Write the table in Markdown. A ratio is the median of the ratios of the rounds."""
    lines = ["|  | this project | the notes' script | ratio |", "| --- | ---: | ---: | ---: |"]
    for title, attribute, ours, notes in ROWS:
        our_values = [getattr(each[ours], attribute) for each in rounds]
        notes_values = [getattr(each[notes], attribute) for each in rounds]
        ratios = [our / note for our, note in zip(our_values, notes_values, strict=True)]
        unit = " MB" if attribute == "megabytes" else " s"
        lines.append(f"| {title} | {spread(our_values, unit)} | {spread(notes_values, unit)} | {spread(ratios)} |")
    cores, epochs = cpu_count(), 2 * SEEDS * EPOCHS
    taken = [each["try"].seconds for each in rounds]
    shares = [epochs * each["train"].epoch / cores / each["try"].seconds for each in rounds]
    lines += [
        "",
        f"`python -m seeds try dropout=0.5` runs {2 * SEEDS} trainings, {epochs} epochs, in {spread(taken, ' s')}.",
    ]
    lines += [f"{cores} cores that computed epochs and nothing else would take {spread(shares)} of this time."]
    return "\n".join(lines)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measure everything N times (%(default)s)")
    options = parser.parse_args()
    # The clones read the raw files of this checkout, so that no download is measured.
    raw = ROOT / Path(os.environ.get("FASHION_MNIST_DIR") or "data/raw").expanduser()
    os.environ["FASHION_MNIST_DIR"] = str(raw)

    rounds = []
    for number in range(1, options.rounds + 1):
        print(f"round {number} of {options.rounds}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(measure_round(Path(folder)))
    # The processor and the versions decide the times.
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy", "dvc"))
    processor = f"{archspec.cpu.brand_string() or platform.processor()} ({archspec.cpu.host().generic.name})"
    print(f"\n{cpu_count()} cores of {processor}, {platform.system()}, Python {platform.python_version()}, {versions}.")
    print(f"Rounds: {options.rounds}.\n\n{table(rounds)}")


if __name__ == "__main__":
    main()

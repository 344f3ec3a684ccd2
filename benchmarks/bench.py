"""Measure the time and memory of this project beside the notes' plain Keras script.

Each round works in a new temporary clone of the last commit, with its own cache and epoch store. Every command is a
process of its own, and the commands of this project and the notes' script take turns. Prints a table with medians,
minima and maxima over the rounds. Without --quick it also replaces the table in benchmarks/results.md.

    python -m benchmarks.bench --quick       see that it works: one round on few images, two minutes
    python -m benchmarks.bench --rounds 5    measure: about seven minutes per round on 2 cores
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
from joblib import cpu_count

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"  # in RESULTS

EPOCH = re.compile(r"\s*\d+/\d+ ")  # begins the line that ends an epoch, in our train stage and in fit(verbose=2)
STORED = " stored "  # in such a line: the train stage read the epoch from its store
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


class Settings(NamedTuple):
    """How much work a round is."""

    epochs: int  # of each training with the dense network
    images: int | None  # for training and validation; None: all
    cnn_epochs: int
    cnn_images: int
    seeds: int  # of each of the two settings that `try` trains


FULL = Settings(epochs=10, images=None, cnn_epochs=4, cnn_images=10_000, seeds=10)
QUICK = Settings(epochs=3, images=1_000, cnn_epochs=3, cnn_images=500, seeds=2)


class Measured(NamedTuple):
    """What one process took."""

    seconds: float  # from its start to its end
    megabytes: float  # resident memory: its own or a child's, whichever is larger
    epochs: int = 0  # that it computed
    epoch: float = 0  # seconds, the median of all but the first, which includes tracing the graph


Round = dict[str, Measured]  # by the names that `run_round` gives


def measure(command: Sequence[str], folder: Path, env: dict[str, str]) -> Measured:
    """Run a command and wait for its end.

    An epoch's seconds are the time between the lines that end it and the epoch before it. So they include
    validation, checkpoint, store and display.

    Raises:
        SystemExit: the command fails; the message includes its output.
    """
    output: list[str] = []
    ends: list[float] = []
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        start = time.perf_counter()
        with subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        ) as process:
            for line in process.stdout:
                output.append(line)
                if EPOCH.match(line) and STORED not in line:
                    ends.append(time.perf_counter())
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{''.join(output)}{errors.read()}{' '.join(command)}: exit code {process.returncode}")
    epochs = [end - before for before, end in itertools.pairwise(ends)]
    return Measured(seconds, usage.ru_maxrss * MAXRSS_UNIT / 1e6, len(ends), median(epochs) if epochs else 0)


class Workspace:
    """A clone of the last commit in an empty folder, with parameters for a fixed number of epochs."""

    def __init__(self, folder: Path, raw: Path, settings: Settings) -> None:
        self.folder = folder
        env = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
        self.env = env | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
            "PYTHONUNBUFFERED": "1",  # a line counts when it is printed
            "FASHION_MNIST_DIR": str(raw),
            "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"),
        }
        committer = ("--config=user.name=Benchmark", "--config=user.email=benchmark@example.org")
        self.git("clone", "--quiet", *committer, str(ROOT), ".")
        (folder / ".dvc/config.local").write_text("[cache]\n    dir = cache\n", encoding="utf-8")
        self.set_params(epochs=settings.epochs, patience="", limit=settings.images or "")

    def git(self, *arguments: str) -> None:
        """Run a git command."""
        subprocess.run(["git", *arguments], cwd=self.folder, env=self.env, check=True)

    def set_params(self, **values: object) -> None:
        """Change values in params.yaml; "" is null."""
        path = self.folder / "params.yaml"
        text = path.read_text(encoding="utf-8")
        for name, value in values.items():
            text = re.sub(rf"(?m)^{name}:.*$", f"{name}: {value}".rstrip(), text)
        path.write_text(text, encoding="utf-8")

    def run(self, module: str, *arguments: str, epochs: int | None = None) -> Measured:
        """Measure `python -m module`, and check that it computes this many epochs.

        Raises:
            SystemExit: the command fails, or computes another number of epochs.
        """
        measured = measure([sys.executable, "-m", module, *arguments], self.folder, self.env)
        command = " ".join([module, *arguments])
        print(f"  {command[:70]:<70}{measured.seconds:8.2f} s{measured.megabytes:7,.0f} MB", flush=True)
        if epochs and measured.epochs != epochs:
            sys.exit(f"{command}: must compute {epochs} epochs, computed {measured.epochs}")
        return measured


def run_round(workspace: Workspace, settings: Settings) -> Round:
    """Measure every command once."""
    run, epochs, cnn_epochs = workspace.run, settings.epochs, settings.cnn_epochs
    notes = ("benchmarks.notes", "--seed=0", "--no-early-stopping")
    images = [f"--images={settings.images}"] if settings.images else []
    results: Round = {}

    results["repro"] = run("dvc", "repro", epochs=epochs)
    workspace.git("commit", "--quiet", "--all", "--message=Benchmark")  # what the experiments start from
    results["notes"] = run(*notes, f"--epochs={epochs}", *images, epochs=epochs)
    shutil.rmtree(workspace.folder / "models/.epochs")  # or the train stage would read its epochs back
    results["train"] = run("stages.train", epochs=epochs)
    results["patience"] = run("dvc", "exp", "run", "-S", "patience=2")
    results["dropout"] = run("dvc", "exp", "run", "-S", "patience=null", "-S", "dropout=0.5", epochs=epochs)
    results["try"] = run("seeds", "try", "dropout=0.5", f"--seeds={settings.seeds}")

    workspace.set_params(network="cnn", epochs=cnn_epochs, limit=settings.cnn_images)
    run("stages.prepare")
    results["train cnn"] = run("stages.train", epochs=cnn_epochs)
    few = (f"--epochs={cnn_epochs}", f"--images={settings.cnn_images}")
    results["notes cnn"] = run(*notes, "--network=cnn", *few, epochs=cnn_epochs)
    return results


def spread(values: Sequence[float], unit: str = "") -> str:
    """Write the median, and the minimum and maximum unless they are the same: "1.02 s (1.00 to 1.10)"."""

    def number(value: float) -> str:
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"

    low, middle, high = (number(value) for value in (min(values), median(values), max(values)))
    return f"{middle}{unit}" + (f" ({low} to {high})" if low != high else "")


def table(rounds: Sequence[Round], settings: Settings, cores: int) -> str:
    """Write the table in Markdown. A ratio is the median of the ratios of the rounds."""

    def row(title: str, quantity: str, ours: str, notes: str = "notes") -> str:
        our_values, notes_values = ([getattr(each[name], quantity) for each in rounds] for name in (ours, notes))
        unit = " MB" if quantity == "megabytes" else " s"
        ratios = [our / note for our, note in zip(our_values, notes_values, strict=True)]
        return f"| {title} | {spread(our_values, unit)} | {spread(notes_values, unit)} | {spread(ratios)} |"

    trained = 2 * settings.seeds * settings.epochs
    taken = [each["try"].seconds for each in rounds]
    ideal = [trained * each["train"].epoch / cores for each in rounds]
    shares = [least / seconds for least, seconds in zip(ideal, taken, strict=True)]
    lines = [
        "|  | this project | the notes' script | ratio |",
        "| --- | ---: | ---: | ---: |",
        row("an epoch with validation", "epoch", "train"),
        row("the train stage", "seconds", "train"),
        row("`dvc repro` from nothing", "seconds", "repro"),
        row("`dvc exp run -S dropout=0.5`", "seconds", "dropout"),
        row("`dvc exp run -S patience=2`", "seconds", "patience"),
        row("an epoch of `cnn` with validation", "epoch", "train cnn", "notes cnn"),
        row("peak memory of the train stage", "megabytes", "train"),
        row("peak memory of `dvc repro`", "megabytes", "repro"),
        "",
        f"`python -m seeds try dropout=0.5` runs {2 * settings.seeds} trainings, {trained} epochs in all, in "
        f"{spread(taken, ' s')}.",
        f"{cores} cores that computed epochs and nothing else would take {spread(ideal, ' s')}: a share of "
        f"{spread(shares)}.",
    ]
    return "".join(f"{line}\n" for line in lines)


def machine(cores: int) -> str:
    """Describe the processor and the versions that decide the times, without the machine's name."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "numpy", "dvc"))
    processor = f"{archspec.cpu.brand_string() or platform.processor()} ({archspec.cpu.host().generic.name})"
    return f"{cores} cores of {processor}, {platform.system()}, Python {platform.python_version()}, {versions}."


def raw_folder() -> Path:
    """Return the folder with the raw files of Fashion-MNIST.

    Raises:
        SystemExit: it has none.
    """
    folder = ROOT / Path(os.environ.get("FASHION_MNIST_DIR") or "data/raw").expanduser()
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        sys.exit(f"{folder}: no raw files of Fashion-MNIST; name their folder in FASHION_MNIST_DIR, or run dvc repro")
    return folder


def main() -> None:
    """Measure, print the table, write it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="measure everything N times (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round on few images; writes nothing")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {options.rounds}")
    settings, count = (QUICK, 1) if options.quick else (FULL, options.rounds)
    raw, cores = raw_folder(), cpu_count()

    rounds = []
    for number in range(1, count + 1):
        print(f"round {number} of {count}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(run_round(Workspace(Path(folder), raw, settings), settings))
    measured = f"{machine(cores)}\nRounds: {count}.\n\n{table(rounds, settings, cores)}"
    print(f"\n{measured}")
    if options.quick:
        print("A quick run shows that the benchmark works; its numbers say nothing about speed.")
        return
    before, _, rest = RESULTS.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    RESULTS.write_text(f"{before}{BEGIN}{measured}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

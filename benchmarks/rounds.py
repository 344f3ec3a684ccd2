"""One round of the benchmark: every measurement once, the plain script and ours in turn, each a process of its own."""

import json
import re
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass, field

from benchmarks.measure import Measured, measure
from benchmarks.workspace import Workspace, lift_limit
from stages.base.errors import ProjectError

PLAIN = "plain script"
TRAIN = "train stage"
REPRO = "dvc repro, from nothing"
REPRO_NOTHING = "dvc repro, nothing to do"
MAKE_NOTHING = "make, nothing to do"
PATIENCE = "dvc exp run -S patience=2"
DROPOUT = "dvc exp run -S dropout=0.5"
UNLIMITED = "epochs without the limit to AVX2"
CNN = "epochs of cnn"
CNN_UNLIMITED = "epochs of cnn without the limit"
PLAIN_CNN = "plain script of cnn"
CNN_FLOOR = "cnn"  # of the measurements of its floor, the first word

RATES = "0.1,0.2,0.4,0.6,0.7,0.8,0.85,0.9"  # of the sweep; none that has been computed before
EXPERIMENTS = len(RATES.split(","))
SWEEP = f"sweep of {EXPERIMENTS} experiments, {EXPERIMENTS} at once"

REPEATED = "data/repeated"
FACTORS_EPOCHS = 4  # of the runs on repeated images; the first traces the graph

# What is imported before any work is done: by `dvc exp run`, and by each stage, also inside its `main`.
TRAINING = "stages.training."
IMPORTS = {
    "dvc": "dvc.cli, dvc.commands.experiments.run, dvc.repo.reproduce, dvc.repo.experiments.queue.celery, networkx",
    "check": "stages.check",
    "prepare": "stages.prepare",
    "train": f"stages.train, {TRAINING}callbacks, {TRAINING}display, {TRAINING}epochs, {TRAINING}keras_files",
    "evaluate": f"stages.evaluate, stages.evaluation.saved_models, {TRAINING}model",
    "plot": "stages.plot",
}


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    runs: int
    epochs: int
    factors: tuple[int, ...]  # the images so many times over; the first is 1
    params: dict[str, object]  # what differs from the committed params.yaml
    cnn_images: int  # for training it, and a quarter of them for validation
    cnn_factors: tuple[int, ...]  # so many times as many; the first is 1


@dataclass
class Samples:
    """What was measured: for each name, one value a round."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    peak: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # bytes
    first_epoch: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds
    epoch: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds, median of the others
    spans: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    floor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds
    data: dict[str, dict[str, int]] = field(default_factory=dict)  # images and bytes


def growth(factor: int, of: str = "epochs") -> str:
    """The name of our epochs, or of those of `CNN`, on so many times the images."""
    return f"{of} on {factor}x the images"


def imports(part: str) -> str:
    """The name of the imports of a stage, or of dvc."""
    return f"imports of {part}"


def spans(measured: Measured) -> dict[str, float]:
    """Seconds of a `dvc` run by part: `dvc` until the first stage, then each stage until the next one or the end."""
    begins = [(0.0, "dvc")]
    for second, line in measured.lines:
        if found := re.match(r"Running stage '(\w+)'", line):
            begins.append((second, found[1]))
    ends = [second for second, _ in begins[1:]] + [measured.seconds]
    return {name: end - begin for (begin, name), end in zip(begins, ends, strict=True)}


def one_round(workspace: Workspace, settings: Settings, samples: Samples) -> None:
    """Measure everything once, in a workspace that nothing has run in yet.

    Raises:
        ProjectError: a command fails, or did other work than it should.
    """

    def run(name: str, *command: str) -> Measured:
        measured = measure([*command], workspace.folder, workspace.env)
        samples.seconds[name].append(measured.seconds)
        samples.peak[name].append(measured.peak)
        print(f"  {name:<32}{measured.seconds:8.2f} s{measured.peak / 1e6:8.0f} MB", flush=True)
        return measured

    def epochs(name: str, *command: str) -> dict[str, int]:
        printed = json.loads(run(name, sys.executable, "-m", *command).lines[-1][1])
        first, *others = printed.pop("seconds")
        samples.first_epoch[name].append(first)
        samples.epoch[name].append(statistics.median(others))
        return printed

    def dvc(name: str, stages: set[str], *command: str) -> None:
        measured = run(name, *command)
        taken = spans(measured)
        if not stages <= set(taken) or (not stages and set(taken) != {"dvc"}):
            raise ProjectError(f"{name}: ran {', '.join(taken)}, expected {', '.join(stages) or 'no stage'}")
        for part, seconds in taken.items():
            samples.spans[name][part].append(seconds)

    number = str(settings.epochs)
    epochs(PLAIN, "benchmarks.notes", "--seed", "0", "--no-early-stopping", "--epochs", number)

    dvc(REPRO, {"check", "prepare", "train", "evaluate", "plot"}, "dvc", "repro")
    workspace.commit()
    dvc(REPRO_NOTHING, set(), "dvc", "repro")
    dvc(MAKE_NOTHING, set(), "make")

    for factor in settings.factors:
        measure([sys.executable, "-m", "benchmarks.repeat", str(factor), REPEATED], workspace.folder, workspace.env)
        limit = number if factor == 1 else str(min(FACTORS_EPOCHS, settings.epochs))
        printed = epochs(growth(factor), "benchmarks.loop", "--data", REPEATED, "--epochs", limit)
        samples.data[growth(factor)] = printed
    workspace.forget_epochs()
    run(TRAIN, sys.executable, "-m", "stages.train")

    dvc(PATIENCE, {"train"}, "dvc", "exp", "run", "-S", "patience=2")
    measure(["dvc", "exp", "run", "-S", "patience=null"], workspace.folder, workspace.env)  # back, from the run cache
    dvc(DROPOUT, {"train", "evaluate", "plot"}, "dvc", "exp", "run", "-S", "dropout=0.5")
    workspace.commit()
    swept = run(SWEEP, sys.executable, "-m", "stages.commands.sweep", f"-Sdropout={RATES}", f"--jobs={EXPERIMENTS}")
    if not any(f" {EXPERIMENTS * settings.epochs} epochs computed" in line for _, line in swept.lines):
        raise ProjectError(f"{SWEEP}: {swept.lines[-1][1]}")

    printed = json.loads(run("floor of an epoch", sys.executable, "-m", "benchmarks.floor").lines[-1][1])
    for name, seconds in printed.items():
        samples.floor[name].append(seconds)
    network = ("--network", "cnn", "--images")
    convolutions = (*network, str(settings.cnn_images))
    few = ("--epochs", str(min(FACTORS_EPOCHS, settings.epochs)))
    epochs(PLAIN_CNN, "benchmarks.notes", "--seed", "0", "--no-early-stopping", *convolutions, *few)
    for factor in settings.cnn_factors:
        name = growth(factor, CNN)
        samples.data[name] = epochs(name, "benchmarks.loop", *network, str(factor * settings.cnn_images), *few)
    printed = json.loads(
        run("floor of an epoch of cnn", sys.executable, "-m", "benchmarks.floor", *convolutions).lines[-1][1]
    )
    for name, seconds in printed.items():
        samples.floor[f"{CNN_FLOOR} {name}"].append(seconds)
    for part, modules in IMPORTS.items():
        run(imports(part), sys.executable, "-c", f"import {modules}")

    lift_limit(workspace.folder)
    epochs(UNLIMITED, "benchmarks.loop", "--epochs", number)
    epochs(CNN_UNLIMITED, "benchmarks.loop", *convolutions, *few)

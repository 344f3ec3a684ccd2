"""Answer questions that take several seeds.

  python -m seeds try dropout=0.5                     is it better than the committed setting?
  python -m seeds sweep dropout=0,0.3 patience=2,5    a grid of settings, each beside the committed one
  python -m seeds compare experiments.csv             DVC's experiments: dvc exp show --csv > experiments.csv

Finished trainings are stored: the same command continues after Ctrl-C, and repeats its answer in seconds.
"""

import argparse
import itertools
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from rich.console import Console

from seeds import engine
from seeds.comparison import METRICS, compare_settings, conclusion, method, printed, sentence
from seeds.experiments import read_experiments
from seeds.pictures import every_seed, every_setting
from seeds.statistics import seeds_for
from seeds.training import Training
from stages.base.errors import ProjectError, UserError
from stages.base.params import PARAMS_FILE, DataParams, Params, TrainingParams, in_words, read_params, written
from stages.base.process import outputs
from stages.base.yaml_files import checked
from stages.report.style import save_png, use_style
from tools.git import committed as last_commit

TRY_PICTURE = Path("plots/try.png")
SWEEP_PICTURE, SWEEP_TABLE = Path("plots/sweep.png"), Path("plots/sweep.csv")
CONSOLE = Console(highlight=False, markup=False, emoji=False)


def committed_params() -> Params:
    """Return the training parameters of the last commit with the data parameters of params.yaml."""
    images = read_params().model_dump(include=set(DataParams.model_fields))
    training = yaml.safe_load(last_commit(str(PARAMS_FILE)) or "{}")
    return checked(training | images, Params, f"{PARAMS_FILE} of the last commit (commit new parameters first)")


def values_of(changes: Sequence[str]) -> dict[str, list[Any]]:
    """Parse changes: ["patience=2,null"] is {"patience": ["2", None]}. Numbers stay text, which `Params` understands.

    Raises:
        UserError: a change has another form, or its parameter cannot be varied.
    """
    words = {"null": None, "true": True, "false": False}
    values = {}
    for change in changes:
        name, equals, listed = change.partition("=")
        if not equals:
            raise UserError(f"{change}: must be NAME=VALUE or NAME=VALUE,VALUE,...")
        if name == "seed" or name in DataParams.model_fields:
            raise UserError(f"{name} cannot be varied: {PARAMS_FILE} selects the images, --seeds the seeds")
        values[name] = [words.get(text.lower(), text) for text in listed.split(",")]
    return values


def settings_of(committed: Params, values: dict[str, list[Any]]) -> list[Params]:
    """Return the committed setting and every combination of the values, each once; there must be a second setting."""
    changes = (dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values()))
    changed = [checked(committed.model_dump() | change, Params, "changed parameters") for change in changes]
    settings = list(dict.fromkeys([committed, *changed]))
    if len(settings) == 1:
        raise UserError(f"{in_words(committed, values)} is the committed setting: change a value")
    return settings


def train(settings: list[Params], names: Sequence[str], options: argparse.Namespace) -> pd.DataFrame:
    """Train settings with all seeds -> a row each: parameters of these names, `seed`, `Result.row` and `setting`."""
    least = seeds_for(len(settings) - 1)
    if options.seeds < least:
        print(f"With {options.seeds} seeds no difference can be significant; use at least {least}: --seeds {least}")
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "prepare"]
    if subprocess.run(command, check=False).returncode:
        raise ProjectError("dvc repro prepare failed (see above), so no images are prepared")
    trainings = [
        TrainingParams(**setting.model_dump(include=set(TrainingParams.model_fields)) | {"seed": seed})
        for setting, seed in itertools.product(settings, range(1, options.seeds + 1))
    ]
    results = engine.run(list(map(Training, trainings)), jobs=options.jobs, scheduler=options.scheduler)
    return pd.DataFrame(
        {name: written(getattr(params, name), "") for name in names}
        | {"seed": params.seed, **result.row, "setting": in_words(params, names)}
        for params, result in zip(trainings, results, strict=True)
    )


def answer(options: argparse.Namespace) -> None:
    """Compare one change with the committed setting -> a sentence, plots/try.png."""
    values = values_of(options.changes)
    committed, changed, *more = settings = settings_of(committed_params(), values)
    if more:
        raise UserError(f"try compares one setting, got {len(more) + 1}; for several: python -m seeds sweep")
    names = [name for name in values if getattr(changed, name) != getattr(committed, name)]
    trainings = train(settings, names, options)
    baseline, row = compare_settings(trainings, in_words(committed, names), options.metric)
    instead = ", ".join(f"{in_words(changed, [name])} instead of {written(getattr(committed, name))}" for name in names)
    text = sentence(instead, row, options.metric)
    use_style()
    with outputs() as begin:
        save_png(every_seed(text, trainings, baseline.setting, row, options.metric), begin(TRY_PICTURE))
    CONSOLE.print(f"\n{text}\n\nEvery seed as a dot: {TRY_PICTURE}")


def sweep(options: argparse.Namespace) -> None:
    """Compare a grid of settings with the committed one -> a table, plots/sweep.csv, plots/sweep.png."""
    committed, values = committed_params(), values_of(options.changes)
    trainings = train(settings_of(committed, values), list(values), options)
    with outputs() as begin:
        trainings.drop(columns="setting").to_csv(begin(SWEEP_TABLE), index=False)
    _report(trainings, in_words(committed, values), options.metric)
    CONSOLE.print(f"\nA row per training: {SWEEP_TABLE}")


def compare(options: argparse.Namespace) -> None:
    """Compare DVC's experiments with the committed setting -> the same table and picture."""
    trainings, baseline, notes = read_experiments(options.table, committed_params())
    _report(trainings, baseline, options.metric)
    CONSOLE.print("", *notes, sep="\n")


def _report(trainings: pd.DataFrame, baseline: str, metric: str) -> None:
    rows = compare_settings(trainings, baseline, metric)
    use_style()
    with outputs() as begin:
        save_png(every_setting(rows, baseline, metric), begin(SWEEP_PICTURE))
    CONSOLE.print(f"\n{METRICS[metric]}: mean over seeds, and difference from the committed setting\n")
    CONSOLE.print(printed(rows, baseline, metric))
    CONSOLE.print(f"\n{method(rows)}\n\n{conclusion(trainings, baseline, metric)}")
    CONSOLE.print(f"\nEvery setting with its interval: {SWEEP_PICTURE}")


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="python -m seeds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("try", "sweep"):
        command = commands.add_parser(name)
        command.add_argument("changes", nargs="+", metavar="NAME=VALUE", help="a parameter, as in dropout=0,0.3")
        command.add_argument("--seeds", type=_positive, default=10, metavar="N", help="seeds 1 to N (default 10)")
        command.add_argument("--jobs", type=_positive, default=engine.JOBS, metavar="N", help="parallel trainings")
        command.add_argument("--scheduler", metavar="ADDRESS", help="train on a Dask scheduler: tcp://host:8786")
    commands.add_parser("compare").add_argument("table", type=Path, metavar="CSV", help="from dvc exp show --csv")
    for command in commands.choices.values():
        command.add_argument("--metric", choices=METRICS, default="val_loss", help="what to compare (default val_loss)")
    options = parser.parse_args()
    {"try": answer, "sweep": sweep, "compare": compare}[options.command](options)


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1, got {text!r}")
    return int(text)

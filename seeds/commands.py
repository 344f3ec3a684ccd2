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
import textwrap
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
from stages.base.errors import ProjectError, UserError, one_line
from stages.base.params import PARAMS_FILE, DataParams, Params, TrainingParams, in_words, read_params, written
from stages.base.process import outputs
from stages.base.yaml_files import checked
from stages.report.style import save_png, use_style
from tools.git import committed as last_commit

TRY_PICTURE = Path("plots/try.png")
SWEEP_PICTURE, SWEEP_TABLE = Path("plots/sweep.png"), Path("plots/sweep.csv")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="python -m seeds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True, metavar="try | sweep | compare")
    for name, line in (
        ("try", "compare one change with the committed setting"),
        ("sweep", "compare a grid of settings"),
    ):
        command = commands.add_parser(name, help=line, description=line)
        command.add_argument("changes", nargs="+", metavar="NAME=VALUE", help="as in `dvc exp run -S`: dropout=0,0.3")
        command.add_argument("--seeds", type=_positive, default=10, metavar="N", help="seeds 1 to N (default 10)")
        command.add_argument("--jobs", type=_positive, default=engine.JOBS, metavar="N", help="parallel trainings")
        command.add_argument("--scheduler", metavar="ADDRESS", help="train on a Dask scheduler: tcp://host:8786")
    command = commands.add_parser("compare", help="compare DVC's experiments", description="compare DVC's experiments")
    command.add_argument("table", type=Path, metavar="CSV", help="from dvc exp show --csv")
    for command in commands.choices.values():
        command.add_argument("--metric", choices=METRICS, default="val_loss", help="what to compare (default val_loss)")
    return whole


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1, got {text!r}")
    return int(text)


def committed_params() -> Params:
    """Return the training parameters of the last commit with the data parameters of params.yaml.

    Raises:
        UserError: a value is not valid, or the last commit lacks a new parameter.
    """
    images = read_params().model_dump(include=set(DataParams.model_fields))
    training = yaml.safe_load(last_commit(str(PARAMS_FILE)) or "{}")
    return checked(training | images, Params, f"{PARAMS_FILE} of the last commit (commit new parameters first)")


def values_of(changes: Sequence[str]) -> dict[str, list[Any]]:
    """Parse changes in Hydra's grammar, as `dvc exp run -S` does: ["dropout=0,0.5"] is {"dropout": [0, 0.5]}.

    Raises:
        UserError: a change is not valid in this grammar, or its parameter cannot be varied.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Transformer
    from hydra.errors import HydraException

    values = {}
    try:
        for each in OverridesParser.create().parse_overrides(list(changes)):
            several = each.sweep_iterator(Transformer.identity) if each.is_sweep_override() else [each.value()]
            values[each.key_or_group] = list(several)
    except HydraException as error:
        reason = one_line(str(error).splitlines()[0])
        raise UserError(f"{' '.join(changes)}: must be NAME=VALUE,...: {reason}") from None
    for name in values:
        if name == "seed" or name in DataParams.model_fields:
            raise UserError(f"{name} cannot be varied: {PARAMS_FILE} selects the images, --seeds the seeds")
    return values


def settings_of(committed: Params, values: dict[str, list[Any]]) -> list[Params]:
    """Return the committed setting and every combination of the values, each once.

    Raises:
        UserError: a combination is not valid, or all are the committed setting.
    """
    changes = (dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values()))
    changed = [checked(committed.model_dump() | change, Params, "changed parameters") for change in changes]
    settings = list(dict.fromkeys([committed, *changed]))
    if len(settings) == 1:
        raise UserError(f"{in_words(committed, values)} is the committed setting: change a value")
    return settings


def train(settings: list[Params], names: Sequence[str], options: argparse.Namespace) -> pd.DataFrame:
    """Train settings with seeds 1 to N.

    Returns:
        A row per training: the parameters of these names, `seed`, the columns of `seeds.training.Result.row`, and
        `setting`, the name of the setting.
    """
    least = seeds_for(len(settings) - 1)
    if options.seeds < least:
        print(f"With {options.seeds} seeds no difference can be significant; use at least {least}: --seeds {least}")
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "prepare"]
    if subprocess.run(command, check=False).returncode:
        raise ProjectError("dvc repro prepare failed (see above), so no images are prepared")
    trainings = [
        TrainingParams(**setting.model_dump(include=set(TrainingParams.model_fields)) | {"seed": seed})
        for setting in settings
        for seed in range(1, options.seeds + 1)
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
    _print(text, f"Every seed as a dot: {TRY_PICTURE}")


def sweep(options: argparse.Namespace) -> None:
    """Compare a grid of settings with the committed one -> a table, plots/sweep.csv, plots/sweep.png."""
    committed, values = committed_params(), values_of(options.changes)
    trainings = train(settings_of(committed, values), list(values), options)
    with outputs() as begin:
        trainings.drop(columns="setting").to_csv(begin(SWEEP_TABLE), index=False)
    _report(trainings, in_words(committed, values), options.metric)
    _print(f"A row per training: {SWEEP_TABLE}. Every setting with its interval: {SWEEP_PICTURE}")


def compare(options: argparse.Namespace) -> None:
    """Compare DVC's experiments with the committed setting -> the same table and picture."""
    trainings, baseline, notes = read_experiments(options.table, committed_params())
    _report(trainings, baseline, options.metric)
    _print(*notes, f"Every setting with its interval: {SWEEP_PICTURE}")


def _report(trainings: pd.DataFrame, baseline: str, metric: str) -> None:
    rows = compare_settings(trainings, baseline, metric)
    use_style()
    with outputs() as begin:
        save_png(every_setting(rows, baseline, metric), begin(SWEEP_PICTURE))
    print(f"\n{METRICS[metric]}: mean over seeds, and difference from the committed setting\n")
    Console(highlight=False).print(printed(rows, baseline, metric), markup=False)
    _print(method(rows), conclusion(trainings, baseline, metric))


def _print(*lines: str) -> None:
    for line in lines:
        print(f"\n{textwrap.fill(line, 80)}")


def main() -> None:
    """Run the command that the arguments name."""
    options = parser().parse_args()
    {"try": answer, "sweep": sweep, "compare": compare}[options.command](options)

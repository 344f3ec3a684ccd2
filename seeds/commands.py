"""Ask questions that take several seeds.

  python -m seeds try dropout=0.5                     is it better than the committed setting?
  python -m seeds sweep dropout=0,0.3 patience=2,5    a grid of settings, each beside the committed one
  python -m seeds compare experiments.csv             DVC's experiments: dvc exp show --csv > experiments.csv

Every finished training is remembered: the same command reads it back, also after Ctrl-C.
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
from seeds.comparison import METRICS, Row, compare_settings, conclusion, method, printed, sentence
from seeds.experiments import read_experiments
from seeds.pictures import every_seed, every_setting
from seeds.statistics import seeds_for
from seeds.training import Training
from stages.base.errors import ProjectError, UserError, one_line
from stages.base.files import save_csv
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
        command.add_argument("--seeds", type=_positive, default=10, metavar="N", help="train with seeds 1 to N (10)")
        command.add_argument("--jobs", type=_positive, default=engine.JOBS, metavar="N", help="trainings at a time")
        command.add_argument("--scheduler", metavar="ADDRESS", help="train on a Dask scheduler: tcp://host:8786")
    command = commands.add_parser("compare", help="compare DVC's experiments", description="compare DVC's experiments")
    command.add_argument("table", type=Path, metavar="CSV", help="from dvc exp show --csv")
    for command in commands.choices.values():
        command.add_argument("--metric", choices=METRICS, default="val_loss", help="what to compare (val_loss)")
    return whole


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1, got {text!r}")
    return int(text)


def committed_params() -> Params:
    """Return the parameters of the last commit, on the images of params.yaml.

    Raises:
        UserError: a value is wrong in either, or the last commit lacks a new parameter.
    """
    images = read_params().model_dump(include=set(DataParams.model_fields))
    training = yaml.safe_load(last_commit(str(PARAMS_FILE)) or "{}")
    return checked(training | images, Params, f"{PARAMS_FILE} of the last commit (new parameters: commit them first)")


def values_of(changes: Sequence[str]) -> dict[str, list[Any]]:
    """Read changes by Hydra's grammar, as `dvc exp run -S` does: ["dropout=0,0.5"] is {"dropout": [0, 0.5]}.

    Raises:
        UserError: a change is not of the form, or names a parameter that cannot be varied here.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import QuotedString, Transformer
    from hydra.errors import HydraException

    try:
        overrides = OverridesParser.create().parse_overrides(list(changes))
        values = {
            each.key_or_group: list(each.sweep_iterator(Transformer.identity))
            if each.is_sweep_override()
            else [each.value()]
            for each in overrides
        }
    except HydraException as error:
        raise UserError(
            f"{' '.join(changes)}: must be NAME=VALUE,...: {one_line(str(error).splitlines()[0])}"
        ) from None
    if images := [name for name in values if name in DataParams.model_fields]:
        raise UserError(f"{images[0]} selects the images: set it in {PARAMS_FILE}, and run once for each value")
    if "seed" in values:
        raise UserError("seed: every setting is trained with several seeds; use --seeds 10")
    return {
        name: [value.text if isinstance(value, QuotedString) else value for value in of_name]
        for name, of_name in values.items()
    }


def settings_of(committed: Params, values: dict[str, list[Any]]) -> list[Params]:
    """Return the committed setting and every combination of the values, each once.

    Raises:
        UserError: a combination is not allowed, or there is none but the committed setting.
    """
    changes = (dict(zip(values, combination, strict=True)) for combination in itertools.product(*values.values()))
    changed = [checked(committed.model_dump() | change, Params, "seeds") for change in changes]
    settings = list(dict.fromkeys([committed, *changed]))
    if len(settings) == 1:
        raise UserError(f"{in_words(committed, values)}: this is the committed setting, so nothing would change")
    return settings


def train(settings: list[Params], names: Sequence[str], options: argparse.Namespace) -> pd.DataFrame:
    """Train settings with seeds 1 to N.

    Returns:
        A row per training: the parameters of these names, `seed`, the columns of `seeds.training.Result.row`, and
        `setting`, the name of the setting.
    """
    least = seeds_for(len(settings) - 1)
    if options.seeds < least:
        print(f"With {options.seeds} seeds nothing can be significant here; it takes {least}: --seeds {least}")
    command = [sys.executable, "-m", "dvc", "repro", "--quiet", "prepare"]
    if subprocess.run(command, check=False).returncode:
        raise ProjectError("dvc repro prepare failed, see above: there are no images to train on")
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
    committed, values = committed_params(), values_of(options.changes)
    if several := [name for name, of_name in values.items() if len(of_name) > 1]:
        raise UserError(
            f"{several[0]}: must be one value, got {len(values[several[0]])}; for several: python -m seeds sweep"
        )
    settings = settings_of(committed, values)
    changed = settings[1]
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
        columns = [name for name in trainings.columns if name != "setting"]
        save_csv(begin(SWEEP_TABLE), columns, trainings[columns].itertuples(index=False))
    _report(trainings, in_words(committed, values), options.metric)
    _print(f"A row per training: {SWEEP_TABLE}. Every setting with its interval: {SWEEP_PICTURE}")


def compare(options: argparse.Namespace) -> None:
    """Compare DVC's experiments with the committed setting -> the same table and picture."""
    trainings, baseline, notes = read_experiments(options.table, committed_params())
    _report(trainings, baseline, options.metric)
    _print(*notes, f"Every setting with its interval: {SWEEP_PICTURE}")


def _report(trainings: pd.DataFrame, baseline: str, metric: str) -> None:
    rows: list[Row] = compare_settings(trainings, baseline, metric)
    use_style()
    with outputs() as begin:
        save_png(every_setting(rows, baseline, metric), begin(SWEEP_PICTURE))
    console = Console(width=None if sys.stdout.isatty() else 80, highlight=False)
    print(f"\n{METRICS[metric]}: mean over seeds, and difference from the committed setting\n")
    console.print(printed(rows, baseline, metric), markup=False)
    _print(method(rows), conclusion(trainings, baseline, metric))


def _print(*lines: str) -> None:
    for line in lines:
        print(f"\n{textwrap.fill(line, 80)}")


def main() -> None:
    """Run the command that the arguments name."""
    options = parser().parse_args()
    {"try": answer, "sweep": sweep, "compare": compare}[options.command](options)

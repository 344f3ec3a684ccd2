"""Run a grid of experiments, several at a time: `make sweep DROPOUT=0,0.2,0.5 OPTIMIZER=adam,sgd SEEDS=10`.

What is not named is as committed, and the committed setting runs too, to compare with. Each experiment is DVC's own
(`dvc exp run`), in a clone of the last commit, so that the workspace is free meanwhile; it is given to this repository
once it has succeeded. What is there already is not run again, so the same command goes on after a kill. By itself:
python -m stages.commands.sweep -S dropout=0,0.5 --seeds 10. Exit codes: 1 an experiment failed, 2 wrong parameters, 3
the data cannot be reached.
"""

import argparse
import itertools
import re
import shutil
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from stages.base.errors import ProjectError, UserError
from stages.base.git import git
from stages.base.params import PARAMS_FILE, Params, in_words
from stages.base.process import acquire, run
from stages.base.yaml_files import checked, read_value
from stages.commands import fetch
from stages.commands.mend import forget_false_runs
from stages.experiments.comparison import baseline_of
from stages.experiments.records import committed_params, is_current, succeeded
from stages.experiments.runner import FAILED, FOLDER, Here, Outcome, Runner
from stages.training.store import STORE, cap

BAR = "{n_fmt} of {total_fmt} |{bar}| {elapsed} gone, about {remaining} left"  # of the experiments that are to run


def parser(prog: str, says: str) -> argparse.ArgumentParser:
    """For the command line of what runs experiments.

    Args:
        prog: the command.
        says: what it does, in its first line.
    """
    parser = argparse.ArgumentParser(prog=prog, description=says.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("-S", "--set-param", action="append", default=[], metavar="NAME=VALUE,VALUE,...")
    parser.add_argument("--seeds", metavar="N", help="the same as -S seed=1,2,...,N")
    parser.add_argument("--jobs", default="2", help="experiments at a time")
    parser.add_argument("--scheduler", help="run them on this Dask scheduler's workers: tcp://host:8786")
    return parser


def arguments(parser: argparse.ArgumentParser, words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says.

    Raises:
        UserError: a number is none.
    """
    options = parser.parse_args(words)
    for name in ("jobs", "seeds"):
        if (text := getattr(options, name)) is not None:
            if not re.fullmatch(r"0*[1-9]\d*", text):
                raise UserError(f"{parser.prog}: {name}: must be a whole number, at least 1, got {text!r}")
            setattr(options, name, int(text))
    return options


def varied(settings: Iterable[str], seeds: int | None, prog: str = "sweep") -> dict[str, list[Any]]:
    """The values of each parameter: ["dropout=0,0.5"] is {"dropout": [0, 0.5]}.

    Raises:
        UserError: that is no such list.
    """
    values: dict[str, list[Any]] = {}
    for setting in [*settings, *([f"seed={','.join(map(str, range(1, seeds + 1)))}"] if seeds is not None else [])]:
        name, given, listed = setting.partition("=")
        if name in values or not given:
            raise UserError(f"{prog}: must be a list of values for each parameter once, got {setting!r}")
        values[name] = [read_value(value, f"{prog}: {name}") for value in listed.split(",")]
    return values


def grid(base: Params, values: dict[str, list[Any]], prog: str = "sweep") -> list[Params]:
    """Every combination and its baseline, each once.

    Raises:
        UserError: a combination is not allowed.
    """
    combinations = (dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values()))
    settings = [checked(base.model_dump() | chosen, Params, prog) for chosen in combinations]
    return list(dict.fromkeys(settings + [baseline_of(params, base) for params in settings]))


def main() -> None:
    """The last commit, and the values on the command line -> DVC's experiments."""
    options = arguments(parser("sweep", __doc__))
    values = varied(options.set_param, options.seeds)
    run_all(grid(committed_params(), values), list(values), options.jobs, options.scheduler)
    print("to compare them: make compare")


def run_all(settings: list[Params], names: list[str], jobs: int, scheduler: str | None = None) -> None:
    """Run those of the experiments that are not there yet; one such command at a time.

    Args:
        settings: of each experiment.
        names: the parameters in which they differ from the last commit.
        jobs: how many run at a time.
        scheduler: the address of the one whose workers run them instead, as many at a time as there are.

    Raises:
        ProjectError: some failed.
    """
    cap()  # if it is wrong, before anything runs
    if not scheduler and any(params.dataset == "fashion_mnist" for params in settings):
        fetch.main()
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = FileLock(FOLDER / "lock")
    acquire(lock, "another sweep still runs: waiting for it to end")
    remove_clones()  # of a sweep that was killed
    forget_false_runs()  # or DVC would restore a false result in each clone
    try:
        with _runner(names, jobs, scheduler) as runner:
            _run_all(settings, names, runner)
    finally:
        remove_clones()
        lock.release()


def _runner(names: list[str], jobs: int, scheduler: str | None) -> Runner:
    if not scheduler:
        return Here(jobs, names)
    from stages.experiments.cluster import Cluster

    return Cluster(scheduler, names)


def remove_clones() -> None:
    """Leave only the lock, and the output of what failed."""
    for folder in FOLDER.iterdir():
        if folder.is_dir() and folder != FAILED:
            shutil.rmtree(folder, ignore_errors=True)


def _run_all(settings: list[Params], names: list[str], runner: Runner) -> None:
    start = time.perf_counter()
    code = ("stages/", "data/", "dvc.yaml", str(PARAMS_FILE))
    if changed := [line[3:] for line in git("status", "--porcelain", "--", *code).splitlines()]:
        on = ", ".join(sorted({params.dataset for params in settings}))
        print(f"not committed, and so not in the sweep, which is on {on}: {', '.join(changed)}", flush=True)
    outcomes: list[Outcome] = []
    there = {experiment.params for experiment in succeeded()[0] if is_current(experiment.version, runner.version)}
    todo = [params for params in settings if params not in there]
    print(f"{len(settings)} experiments, {len(settings) - len(todo)} of them there already", flush=True)
    runner.compare_workers(todo)
    quiet = None if todo else True  # None: as there is a terminal or not
    with tqdm(total=len(todo), leave=False, disable=quiet, smoothing=0, bar_format=BAR) as bar:
        for ended in runner.run(todo):
            if ended:
                params, outcome = ended
                outcomes.append(outcome)
                bar.update()
                bar.write(f"{len(outcomes):4}/{len(todo)}  {in_words(params, names)}: {outcome.in_words()}")
                sys.stdout.flush()
            bar.refresh()  # its clock goes on
    failed = sum(outcome.fault is not None for outcome in outcomes)
    read_back, computed = (sum(getattr(outcome, name) for outcome in outcomes) for name in ("read_back", "computed"))
    took = timedelta(seconds=round(time.perf_counter() - start))
    print(f"{len(todo) - failed} run in {took}: {computed} epochs computed, {read_back} read back from {STORE}")
    if failed:
        raise ProjectError(f"{failed} of {len(todo)} experiments failed, see above; the same command tries them again")


if __name__ == "__main__":
    run(main)

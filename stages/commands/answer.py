"""Answer one question, is a changed parameter better than the committed one: `make try DROPOUT=0.5`.

Both settings are run with the same seeds, as `make sweep` does it, and one sentence says what came out; the picture has
a dot for each seed. By itself: python -m stages.commands.answer -S dropout=0.5 --seeds 10. Exit codes: 1 an experiment
failed, 2 wrong parameters, or nothing to compare; 3 the data cannot be reached.
"""

import textwrap
from pathlib import Path
from typing import Any

from stages.base.errors import UserError
from stages.base.params import Params, in_words
from stages.base.process import outputs, run
from stages.base.yaml_files import checked
from stages.commands import sweep
from stages.experiments.comparison import baseline_of, compare_settings
from stages.experiments.pair import question, seeds_of_both, sentence
from stages.experiments.records import committed_metrics, committed_params, current_version, succeeded
from stages.report.style import save_png, use_style

PICTURE = Path("plots/try.png")


def changed(committed: Params, values: dict[str, list[Any]]) -> Params:
    """The committed parameters with these values, of which there must be one each.

    Raises:
        UserError: there are several or none, one is wrong, or they change nothing.
    """
    if not values:
        raise UserError("try: say what to change: make try DROPOUT=0.5")
    if several := [name for name, of in values.items() if len(of) > 1]:
        raise UserError(f"try: {several[0]}: must be one value, got {len(values[several[0]])}; several: make sweep")
    if "seed" in values:
        raise UserError("try: seed: both settings run with several: make try SEEDS=10")
    params = checked(committed.model_dump() | {name: of[0] for name, of in values.items()}, Params, "try")
    if params == baseline_of(params, committed):
        raise UserError(f"try: {in_words(params, values)}: nothing but the images would differ from what is committed")
    return params


def main() -> None:
    """The last commit, and the values on the command line -> DVC's experiments, plots/try.png."""
    parser = sweep.parser("try", __doc__)
    parser.add_argument("--metric", default="validation.loss", help="as `dvc exp show` names it")
    options = sweep.arguments(parser)
    committed = committed_params()
    values = sweep.varied(options.set_param, None, "try")
    params = changed(committed, values)
    base = baseline_of(params, committed)
    if options.metric not in (known := committed_metrics()):
        raise UserError(f"try: metric: must be one of {', '.join(sorted(known))}, got {options.metric!r}")
    values["seed"] = list(range(1, (options.seeds or 10) + 1))
    runs = sweep.grid(committed, values, "try")
    sweep.run_all(runs, list(values), options.jobs, options.scheduler)
    found = [each for each in succeeded()[0] if each.params in runs]
    table = compare_settings(found, options.metric, committed, base, current_version(Path()))
    answer = sentence(question(params, base, committed), table)
    use_style()
    with outputs() as begin:
        save_png(seeds_of_both(answer, table), begin(PICTURE))
    for line in (answer, *table.notes, f"The picture, a dot for each seed: {PICTURE}"):
        print(f"\n{textwrap.fill(line, 80)}")


if __name__ == "__main__":
    run(main)

"""Settings held beside a baseline, seed by seed."""

from typing import NamedTuple

import numpy as np

from stages.core.errors import UserError
from stages.core.experiments import Experiment, Version, some
from stages.core.params import Params, in_words
from stages.core.settings import Setting, one_version, settings
from stages.core.statistics import Comparison, Spread, compare, spread, verdict

LEAST = 2  # seeds of a setting: fewer have no spread


class Row(NamedTuple):
    """A setting in the table."""

    setting: Setting
    label: str
    spread: Spread  # of the metric
    comparison: Comparison | None  # with the baseline; None: it is the baseline, or has too few seeds in common with it
    verdict: str


class Table(NamedTuple):
    """Settings beside a baseline."""

    metric: str
    names: list[str]  # the parameters in which the settings differ; of one alone, from the committed ones
    baseline: Row
    rows: list[Row]  # the baseline among them; by the parameters
    notes: list[str]  # what was left out, and what is missing


def lower_is_better(metric: str) -> bool:
    """Whether it is a loss, a calibration error or a count of epochs; the others are shares of what is right."""
    return metric.endswith(("loss", "ece", "epochs", "epoch"))


def compare_settings(
    experiments: list[Experiment],
    metric: str,
    committed: Params,
    wanted: Params | None,
    current: Version,
) -> Table:
    """Hold all settings beside a baseline.

    Args:
        experiments: at least one.
        metric: by its name in `dvc exp show`.
        committed: the parameters of the last commit: the baseline, or else the setting with the most seeds.
        wanted: another baseline.
        current: the version that an experiment would have now.

    Raises:
        UserError: there is no such metric or no such baseline.
    """
    used, notes = one_version(experiments, current)
    groups, more = settings(used)
    notes += more
    baseline = _baseline(groups, committed, wanted)
    same_images = {
        params: setting for params, setting in groups.items() if params.of_images() == baseline.params.of_images()
    }
    if len(same_images) < len(groups):
        left = [in_words(params, params.of_images()) for params in groups if params not in same_images]
        notes.append(f"left out, since of other images than the baseline: {some(left)}")
    ordered = sorted(same_images.values(), key=lambda setting: [_order(value) for _, value in setting.params])
    # One setting alone is told by what it has otherwise than the committed one.
    others = [setting.params for setting in ordered[1:]] or [committed.model_copy(update={"seed": 0})]
    names = [
        name
        for name in Params.model_fields
        if {getattr(of, name) for of in others} != {getattr(ordered[0].params, name)}
    ]

    values = {setting.params: setting.values(metric) for setting in ordered}
    beside = values[baseline.params]
    pairs = {
        params: [value - beside[seed] for seed, value in of.items() if seed in beside]
        for params, of in values.items()
        if params != baseline.params
    }
    enough = {params: sample for params, sample in pairs.items() if len(sample) >= LEAST}
    if lacking := [in_words(params, names) for params in enough if values[params].keys() != beside.keys()]:
        notes.append(f"other seeds than the baseline, so compared over those that both have: {some(lacking)}")
    found = compare(enough)
    words = ("better", "worse") if lower_is_better(metric) else ("worse", "better")
    verdicts = {params: verdict(comparison, *words) for params, comparison in found.items()}
    verdicts[baseline.params] = "baseline"
    rows = [
        Row(
            setting,
            in_words(setting.params, names),
            spread(list(values[setting.params].values())),
            found.get(setting.params),
            verdicts.get(setting.params, "fewer than two seeds in common with the baseline"),
        )
        for setting in ordered
    ]
    return Table(metric, names, next(row for row in rows if row.setting == baseline), rows, notes)


def _baseline(groups: dict[Params, Setting], committed: Params, wanted: Params | None) -> Setting:
    params = (wanted or committed).model_copy(update={"seed": 0})
    if params in groups:
        return groups[params]
    if wanted:
        raise UserError("compare: there is no experiment with the parameters of this baseline; to run some: make sweep")
    if not groups:
        raise UserError(
            "compare: the only experiments gave different metrics with the same parameters; to run others: make sweep"
        )
    return max(groups.values(), key=lambda setting: len(setting.metrics))


def chosen(table: Table) -> tuple[Row, list[int]] | None:
    """The setting with the best mean, and the seeds over which; to be chosen by validation images alone.

    Means over different seeds are not compared: the seeds are those of the baseline that at least half of the other
    settings have, and only settings with all of them can be chosen. None where these are fewer than two.
    """
    values = {row.label: row.setting.values(table.metric) for row in table.rows}
    others = [of for label, of in values.items() if label != table.baseline.label]
    seeds = [seed for seed in values[table.baseline.label] if 2 * sum(seed in of for of in others) >= len(others)]
    whole = [row for row in table.rows if all(seed in values[row.label] for seed in seeds)]
    if len(seeds) < LEAST or len(whole) < 2:
        return None
    first = min if lower_is_better(table.metric) else max
    return first(whole, key=lambda row: np.mean([values[row.label][seed] for seed in seeds])), seeds


def _order(value: object) -> tuple:
    # None stands for no limit: after all numbers
    return (value is None, isinstance(value, str), value if value is not None else 0)


def choosable(metric: str) -> bool:
    """Whether a setting may be chosen by it: by validation images, not by those of training or test."""
    return metric.startswith(("validation.", "val_"))

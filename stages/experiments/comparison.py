"""Experiments grouped into settings, which differ in more than their seed, and held beside a baseline, seed by seed."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from stages.base.errors import UserError
from stages.base.params import DataParams, Params, in_words, written
from stages.experiments.records import Experiment, Version, is_current, shortlist
from stages.experiments.significance import ALPHA, EXACT, Comparison, Spread, compare, seeds_for, spread, verdict

LEAST = 2  # seeds of a setting: fewer have no spread


class Setting(NamedTuple):
    """The experiments that differ in their seed alone."""

    params: Params  # with seed 0
    metrics: dict[int, dict[str, float]]  # by seed

    def values(self, metric: str) -> dict[int, float]:
        """One metric, by seed.

        Raises:
            UserError: it has no such metric.
        """
        try:
            return {seed: metrics[metric] for seed, metrics in sorted(self.metrics.items())}
        except KeyError:
            known = set.intersection(*(set(metrics) for metrics in self.metrics.values()))
            listed = ", ".join(sorted(known))
            raise UserError(
                f"compare: metric: must be one that all experiments have, got {metric!r}: {listed}"
            ) from None


def one_version(experiments: list[Experiment], current: Version) -> tuple[list[Experiment], list[str]]:
    """Those of the current code, data and environment, or else of which there are most; and what is said of the others.

    Args:
        experiments: at least one.
        current: the version that one would have now, but for the graphics card.
    """
    versions = Counter(tuple(experiment.version.items()) for experiment in experiments)
    chosen = dict(max(versions, key=lambda version: (is_current(dict(version), current), versions[version])))
    others = [experiment for experiment in experiments if experiment.version != chosen]
    if not others:
        return experiments, []
    different = {
        name
        for each in others
        for name in chosen.keys() | each.version.keys()
        if each.version.get(name) != chosen.get(name)
    }
    note = (
        f"left out, since of other code, data or environment ({shortlist(sorted(different))}): "
        f"{len(others)} of {len(experiments)} experiments"
    )
    return [experiment for experiment in experiments if experiment.version == chosen], [note]


def settings(experiments: Iterable[Experiment]) -> tuple[dict[Params, Setting], list[str]]:
    """Group experiments; where two with the same parameters and seed gave different metrics, neither is used."""
    groups: dict[Params, Setting] = {}
    doubtful: dict[tuple[Params, int], list[str]] = {}
    names: dict[tuple[Params, int], str] = {}
    for experiment in experiments:
        params, seed = experiment.params.model_copy(update={"seed": 0}), experiment.params.seed
        group = groups.setdefault(params, Setting(params, {}))
        first = names.setdefault((params, seed), experiment.name)
        if group.metrics.setdefault(seed, experiment.metrics) != experiment.metrics:
            doubtful.setdefault((params, seed), [first]).append(experiment.name)
    notes = []
    for (params, seed), found in doubtful.items():
        del groups[params].metrics[seed]
        notes.append(f"not used, since with the same parameters they gave different metrics: {shortlist(found)}")
    return {params: setting for params, setting in groups.items() if setting.metrics}, notes


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
    varied: list[str]  # the parameters in which the settings differ; of one alone, from the committed ones
    baseline: Row
    rows: list[Row]  # the baseline among them; by the parameters
    notes: list[str]  # what was left out, and what is missing


def baseline_of(params: Params, committed: Params) -> Params:
    """What an experiment is held beside: the committed parameters with its seed, on its images."""
    images = {name: getattr(params, name) for name in DataParams.model_fields}
    return committed.model_copy(update=images | {"seed": params.seed})


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
        committed: the parameters of the last commit: the baseline, on the images that there are.
        wanted: another baseline.
        current: the version that an experiment would have now.

    Raises:
        UserError: there is no such metric or no such baseline.
    """
    used, version_notes = one_version(experiments, current)
    groups, group_notes = settings(used)
    baseline = _baseline(groups, committed, wanted, [*version_notes, *group_notes])
    ordered, image_notes = _of_the_same_images(groups, baseline)
    varied = _varied(ordered, committed)
    values = {setting.params: setting.values(metric) for setting in ordered}
    differences = _paired(values, baseline.params)
    compared = compare(differences)
    rows = [
        Row(
            setting,
            in_words(setting.params, varied),
            spread(list(values[setting.params].values())),
            compared.get(setting.params),
            _verdict(compared.get(setting.params), setting == baseline, metric),
        )
        for setting in ordered
    ]
    seeds = values[baseline.params].keys()
    seed_notes = []
    if lacking := [in_words(params, varied) for params in differences if values[params].keys() != seeds]:
        seed_notes = [f"other seeds than the baseline, so compared over those that both have: {shortlist(lacking)}"]
    notes = [*version_notes, *group_notes, *image_notes, *seed_notes]
    return Table(metric, varied, next(row for row in rows if row.setting == baseline), rows, notes)


def _of_the_same_images(groups: dict[Params, Setting], baseline: Setting) -> tuple[list[Setting], list[str]]:
    """The settings with the images of the baseline, by their parameters; and what is said of the others."""
    images = baseline.params.of_images()
    others = [in_words(params, params.of_images()) for params in groups if params.of_images() != images]
    kept = [setting for params, setting in groups.items() if params.of_images() == images]
    notes = [f"left out, since of other images than the baseline: {shortlist(others)}"] if others else []
    return sorted(kept, key=lambda setting: by_parameters(setting.params)), notes


def by_parameters(params: Params) -> list[tuple]:
    """A key to sort settings by. An empty value stands for no limit: after all numbers."""
    return [(value is None, isinstance(value, str), 0 if value is None else value) for _, value in params]


def _varied(settings: list[Setting], committed: Params) -> list[str]:
    """The parameters in which settings differ; those of one setting alone from the committed ones."""
    first, *others = (setting.params for setting in settings)
    others = others or [committed.model_copy(update={"seed": 0})]
    return [name for name in Params.model_fields if any(getattr(each, name) != getattr(first, name) for each in others)]


def _paired(values: dict[Params, dict[int, float]], baseline: Params) -> dict[Params, list[float]]:
    """The differences from the baseline, of each other setting that has seeds enough in common with it."""
    beside = values[baseline]
    differences = {
        params: [value - beside[seed] for seed, value in by_seed.items() if seed in beside]
        for params, by_seed in values.items()
        if params != baseline
    }
    return {params: sample for params, sample in differences.items() if len(sample) >= LEAST}


def _verdict(comparison: Comparison | None, is_baseline: bool, metric: str) -> str:
    if is_baseline:
        return "baseline"
    if not comparison:
        return "too few seeds in common"
    less, more = ("better", "worse") if lower_is_better(metric) else ("worse", "better")
    return verdict(comparison, less, more)


def _baseline(groups: dict[Params, Setting], committed: Params, wanted: Params | None, left_out: list[str]) -> Setting:
    params = (wanted or committed).model_copy(update={"seed": 0})
    if params in groups:
        return groups[params]
    if not wanted and len(there := {baseline_of(each, committed) for each in groups} & groups.keys()) == 1:
        return groups[there.pop()]  # of other images, as all that can be held beside it
    if not groups:
        raise UserError(
            "compare: the only experiments gave different metrics with the same parameters; to run others: make sweep"
        )
    others = _varied([next(iter(groups.values())), Setting(params, {})], committed)
    lacks = f"no experiment has them ({in_words(params, others)})"
    more = "".join(f"; {note}" for note in left_out)
    if wanted:
        raise UserError(f"compare: the baseline that is named: {lacks}; to run some: make sweep{more}")
    there = max(groups.values(), key=lambda setting: len(setting.metrics)).params
    differing = [name for name, value in there if name != "seed" and value != getattr(committed, name)]
    named = ",".join(f"{name}={written(getattr(there, name), 'null')}" for name in differing)
    raise UserError(
        f"compare: the baseline is the committed parameters, and {lacks}; to run some: make sweep, or name another: "
        f"make compare BASELINE={named}{more}"
    )


def chosen(table: Table) -> tuple[Row, list[int]] | None:
    """The setting with the best mean, and the seeds over which; to be chosen by validation images alone.

    Means over different seeds are not compared: the seeds are those of the baseline that at least half of the other
    settings have, and only settings with all of them can be chosen. None where these are fewer than two.
    """
    values = {row.label: row.setting.values(table.metric) for row in table.rows}
    others = [by_seed for label, by_seed in values.items() if label != table.baseline.label]
    seeds = [
        seed for seed in values[table.baseline.label] if 2 * sum(seed in by_seed for by_seed in others) >= len(others)
    ]
    whole = [row for row in table.rows if all(seed in values[row.label] for seed in seeds)]
    if len(seeds) < LEAST or len(whole) < 2:
        return None
    best = min if lower_is_better(table.metric) else max
    return best(whole, key=lambda row: np.mean([values[row.label][seed] for seed in seeds])), seeds


def choosable(metric: str) -> bool:
    """Whether a setting may be chosen by it: by validation images, not by those of training or test."""
    return metric.startswith(("validation.", "val_"))


def conclusion(table: Table) -> str:
    """Which setting is chosen, and what it gives on the test images: of no other setting are these looked at."""
    if not choosable(table.metric):
        return f"Nothing is chosen by {table.metric}: settings are chosen by validation images."
    found = chosen(table)
    if not found:
        return "Nothing is chosen: that takes two settings with two seeds in common."
    top, seeds = found
    beside = "" if top.setting == table.baseline.setting else f" Beside the baseline: {top.verdict}."
    told = ", ".join(_told(name, top.setting.values(f"test.{name}"), seeds) for name in ("accuracy", "loss"))
    return (
        f"Chosen: {top.label}, which has the {'lowest' if lower_is_better(table.metric) else 'highest'} mean "
        f"{table.metric}.{beside} On the test images, told for this setting alone: {told}; "
        f"mean and 95% interval of {len(seeds)} seeds."
    )


def _told(name: str, by_seed: dict[int, float], seeds: list[int]) -> str:
    """The mean and its interval, without what no such figure can be: with two seeds Student's is wide."""
    found = spread([by_seed[seed] for seed in seeds])
    if not found.sd:
        return f"test {name} {found.mean:.4f} with every seed"
    high = min(found.high, 1) if name == "accuracy" else found.high
    return f"test {name} {found.mean:.4f} ({max(found.low, 0):.4f} to {high:.4f})"


def method(table: Table) -> str:
    """How the figures were made, and how small p can be."""
    made = [row.comparison for row in table.rows if row.comparison]
    if not made:
        return "There is nothing beside the baseline to compare: it takes two settings with two seeds each."
    count, least = len(made), min(comparison.smallest_p for comparison in made)
    exact = "exact " if max(comparison.difference.count for comparison in made) <= EXACT else ""
    text = (
        "Differences are paired by seed. The interval (95%, Student's) is of one difference by itself. p is for all "
        f"{count} together: the {exact}sign-flip test with Holm's correction. With these seeds it cannot go below "
        f"{least:.2g}"
    )
    text += f"; to show anything it takes {seeds_for(count)} seeds." if least > ALPHA else "."
    params = table.baseline.setting.params
    monitored = params.monitor.replace("val_", "validation.") == table.metric.replace("val_", "validation.")
    if monitored and params.save_best_only and "patience" in table.varied and "monitor" not in table.varied:
        text += f" {table.metric} also chose the epoch that is kept: more patience can only improve it."
    return text

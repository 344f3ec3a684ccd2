"""Experiments grouped into settings: all parameters but the seed."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from stages.core.errors import UserError
from stages.core.experiments import Experiment, Version, is_current, some
from stages.core.params import Params


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
            listed = ", ".join(sorted(name for name in known if "per_class" not in name))
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
        f"left out, since of other code, data or environment ({some(sorted(different))}): "
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
        notes.append(f"not used, since with the same parameters they gave different metrics: {some(found)}")
    return {params: setting for params, setting in groups.items() if setting.metrics}, notes

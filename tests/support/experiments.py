"""Experiments, invented."""

import numpy as np

from stages.base.params import read_params
from stages.experiments import comparison
from stages.experiments.records import Experiment
from tests.support.workspace import ROOT

COMMITTED = read_params(ROOT / "params.yaml")


VERSION = {"stages/train.py": "a", "cpu": "x86-64 with AVX2", "gpu": None}


def compare_settings(experiments, metric, committed, wanted, current=VERSION):
    return comparison.compare_settings(experiments, metric, committed, wanted, current)


def experiment(loss: float, version: dict | None = None, name: str = "", **params) -> Experiment:
    values = COMMITTED.model_copy(update=params)
    metrics = {
        "validation.loss": loss, "validation.accuracy": 1 - loss, "test.loss": loss + 0.1, "test.accuracy": 0.9 - loss,
    }  # fmt: skip
    return Experiment(name or f"{params}", "0" * 40, values, metrics, version or VERSION)


def sweep(effects: dict[float, float], seeds: int = 10, patiences: tuple = (2,), **params) -> list[Experiment]:
    """Experiments in which the dropout rate changes the loss by so much."""
    luck = np.random.default_rng(0)
    return [
        experiment(
            0.3 + effect + seed / 100 + luck.normal(0, 0.001), dropout=rate, seed=seed, patience=patience, **params
        )
        for rate, effect in effects.items()
        for patience in patiences
        for seed in range(1, seeds + 1)
    ]


def words(table) -> dict[str, str]:
    return {row.label: row.verdict for row in table.rows}

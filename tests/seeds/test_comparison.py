"""Settings compared with a baseline; invented values, no training."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from seeds.comparison import compare_settings, conclusion, printed, sentence


def trainings(effects: dict[str, float], seeds: range = range(1, 11)) -> pd.DataFrame:
    """Invent trainings in which a setting changes the validation loss; seeds differ by more than any effect."""
    noise = np.random.default_rng(0)
    rows = [
        {"setting": setting, "seed": seed, "val_loss": 0.3 + effect + seed / 100 + noise.normal(0, 0.001)}
        for setting, effect in effects.items()
        for seed in seeds
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(val_accuracy=1 - frame["val_loss"], test_loss=frame["val_loss"], test_accuracy=0.9)


EFFECTS = {"dropout 0.3": 0, "dropout 0.1": -0.01, "dropout 0.5": 0.01, "dropout 0.4": 0}


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy"])
def test_settings_are_paired_by_seed_so_an_effect_below_the_spread_of_seeds_is_found(metric: str):
    few = trainings({"dropout 0.2": -1}, range(9, 12))  # with two seeds in common
    frame = pd.concat([trainings(EFFECTS), few]).sample(frac=1, random_state=0)
    assert frame[metric].groupby(frame["setting"]).std()["dropout 0.5"] > 0.025
    console = Console(file=io.StringIO(), width=80)
    console.print(printed(compare_settings(frame, "dropout 0.3", metric), "dropout 0.3", metric))
    verdicts = dict(re.findall(r"(?m)^(dropout ...).*(committed|better|worse|needs|too few)", console.file.getvalue()))
    assert verdicts == {
        "dropout 0.3": "committed",
        "dropout 0.1": "better",
        "dropout 0.5": "worse",
        "dropout 0.4": "needs",
        "dropout 0.2": "too few",
    }


def test_the_best_setting_is_chosen_by_validation_images_over_common_seeds():
    lucky = trainings({"dropout 0.2": -0.2}, range(1, 4))  # the lowest mean, with three of ten seeds
    assert "dropout 0.1. Its test accuracy: 0.9000" in conclusion(
        pd.concat([trainings(EFFECTS), lucky]), "dropout 0.3", "val_loss"
    )
    assert "No setting is chosen" in conclusion(trainings(EFFECTS), "dropout 0.3", "test_loss")
    assert "No setting is chosen" in conclusion(trainings(EFFECTS, range(1, 2)), "dropout 0.3", "val_loss")


def test_the_answer_is_one_sentence_with_the_interval_and_the_verdict():
    _, better, worse, same = compare_settings(trainings(EFFECTS), "dropout 0.3", "val_loss")
    mean, low, high = (f"{value:.4f}" for value in (worse.comparison.difference[n] for n in (1, 3, 4)))
    assert f"higher by {mean} (+{low} to +{high}): worse" in sentence("?", worse, "val_loss")
    assert " lower by 0.0" in sentence("?", better, "val_loss")
    assert "seeds needed" in sentence("?", same, "val_loss")
    assert "too few seeds" in sentence("?", same._replace(comparison=None), "val_loss")

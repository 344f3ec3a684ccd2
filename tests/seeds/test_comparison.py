"""Settings compared with a baseline; invented values, no training."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from seeds.comparison import compare_settings, conclusion, method, printed, sentence

SEEDS = range(1, 11)


def trainings(effects: dict[str, float], seeds: range = SEEDS) -> pd.DataFrame:
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


def table(frame: pd.DataFrame, metric: str = "val_loss", width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(printed(compare_settings(frame, "dropout 0.3", metric), "dropout 0.3", metric))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("metric", ["val_loss", "val_accuracy"])
def test_settings_are_paired_by_seed_so_an_effect_below_the_spread_of_seeds_is_found(metric: str):
    rows = compare_settings(trainings(EFFECTS), "dropout 0.3", metric)
    assert all(row.spread.sd > 0.025 for row in rows)
    verdicts = {line[:11]: line.split()[-1] for line in table(trainings(EFFECTS), metric)[1:]}
    assert verdicts["dropout 0.1"] == "better"
    assert verdicts["dropout 0.5"] == "worse"
    assert verdicts["dropout 0.4"] == "seeds"  # needs more
    assert verdicts["dropout 0.3"] == "committed"


def test_the_order_of_rows_changes_nothing():
    frame = trainings(EFFECTS)
    shuffled = frame.sample(frac=1, random_state=0)
    found, again = (
        {row.setting: row for row in compare_settings(each, "dropout 0.3", "val_loss")} for each in (frame, shuffled)
    )
    assert {name: row.comparison and row.comparison.p for name, row in found.items()} == {
        name: row.comparison and row.comparison.p for name, row in again.items()
    }


def test_a_setting_with_one_common_seed_is_not_compared():
    frame = pd.concat([trainings({"dropout 0.3": 0}), trainings({"dropout 0.1": -1}, range(10, 12))])
    rows = {row.setting: row for row in compare_settings(frame, "dropout 0.3", "val_loss")}
    assert rows["dropout 0.1"].comparison is None
    assert "too few seeds" in table(frame)[-1]


def test_the_best_setting_is_chosen_by_validation_images_over_common_seeds():
    lucky = trainings({"dropout 0.2": -0.2}, range(1, 4))  # the lowest mean, with three of ten seeds
    assert "dropout 0.1. Its test accuracy: 0.9000" in conclusion(
        pd.concat([trainings(EFFECTS), lucky]), "dropout 0.3", "val_loss"
    )
    assert "No setting is chosen" in conclusion(trainings(EFFECTS), "dropout 0.3", "test_loss")
    assert "No setting is chosen" in conclusion(trainings(EFFECTS, range(1, 2)), "dropout 0.3", "val_loss")


def test_the_table_fits_80_columns_whatever_is_varied():
    long = ", ".join(["optimizer rmsprop", "learning_rate 0.0001", "hidden_units 1000", "restore_best_weights false"])
    lines = table(trainings(EFFECTS | {long: 1, f"{long} again": 0}))
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)


def test_the_method_says_how_many_seeds_significance_takes():
    assert "takes 7 seeds" in method(compare_settings(trainings(EFFECTS, range(1, 4)), "dropout 0.3", "val_loss"))
    assert "Nothing to compare" in method(compare_settings(trainings({"dropout 0.3": 0}), "dropout 0.3", "val_loss"))


def test_the_answer_is_one_sentence_with_the_digits_that_the_interval_allows():
    _, better, worse, same = compare_settings(trainings(EFFECTS), "dropout 0.3", "val_loss")
    difference = worse.comparison.difference
    mean, low, high = (f"{abs(value):.5f}" for value in (difference.mean, difference.low, difference.high))
    assert sentence("dropout 0.5 instead of 0.3", worse, "val_loss") == (
        f"dropout 0.5 instead of 0.3: validation loss higher by {mean} ({low} to {high}): worse"
    )
    assert " lower by 0.0" in sentence("?", better, "val_loss")
    assert "seeds needed" in sentence("?", same, "val_loss")
    assert "too few seeds" in sentence("?", same._replace(comparison=None), "val_loss")

"""Experiments grouped, paired and held beside a baseline; no DVC."""

import io
import re

import pytest
from rich.console import Console

from stages.base.errors import UserError
from stages.commands.compare import printed, wanted_baseline
from stages.experiments.comparison import chosen, conclusion, lower_is_better, method
from stages.experiments.comparison_page import page
from tests.support.experiments import COMMITTED, VERSION, compare_settings, experiment, sweep, words


def test_settings_are_paired_by_seed_and_an_effect_smaller_than_the_luck_of_seeds_is_seen():
    table = compare_settings(sweep({0.3: 0, 0.1: -0.01, 0.5: 0.01, 0.4: 0}), "validation.loss", COMMITTED, None)
    assert table.varied == ["dropout"]
    found = words(table)
    assert list(found) == ["dropout 0.1", "dropout 0.3", "dropout 0.4", "dropout 0.5"]
    assert [found[f"dropout {rate}"] for rate in (0.1, 0.3, 0.5)] == ["better", "baseline", "worse"]
    assert found["dropout 0.4"].startswith("no difference shown")
    # the spread of the seeds is three times the effect
    assert all(row.spread.sd > 0.025 for row in table.rows)


def test_of_an_accuracy_the_higher_is_better():
    table = compare_settings(sweep({0.3: 0, 0.1: -0.01}), "validation.accuracy", COMMITTED, None)
    assert words(table)["dropout 0.1"] == "better"
    assert [lower_is_better(name) for name in ("val_loss", "test.ece", "epochs", "test.accuracy", "f1")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_relabelling_the_seeds_changes_nothing():
    experiments = sweep({0.3: 0, 0.1: -0.01})
    other = [
        each._replace(params=each.params.model_copy(update={"seed": 100 - each.params.seed})) for each in experiments
    ]
    table, same = (compare_settings(each, "validation.loss", COMMITTED, None) for each in (experiments, other[::-1]))
    for row, its in zip(table.rows, same.rows, strict=True):
        assert row.spread == pytest.approx(its.spread)
        assert words(table) == words(same)


def test_the_chosen_setting_is_the_best_by_validation_and_its_test_result_alone_is_told():
    table = compare_settings(sweep({0.3: 0, 0.1: -0.01, 0.5: 0.01}), "validation.loss", COMMITTED, None)
    assert chosen(table)[0].label == "dropout 0.1"
    said = conclusion(table)
    assert said.startswith(
        "Chosen: dropout 0.1, which has the lowest mean validation.loss. Beside the baseline: better."
    )
    assert said.count("test accuracy") == said.count("test loss") == 1


def test_the_interval_of_the_chosen_setting_holds_nothing_that_cannot_be():
    """Student's, of two seeds, is 13 standard deviations wide."""
    pairs = {0.3: (0.30, 0.34), 0.1: (0.06, 0.14)}
    experiments = [
        experiment(loss, dropout=rate, seed=seed) for rate, of in pairs.items() for seed, loss in enumerate(of)
    ]
    said = conclusion(compare_settings(experiments, "validation.loss", COMMITTED, None))
    assert "test accuracy 0.8000 (0.2918 to 1.0000), test loss 0.2000 (0.0000 to 0.7082)" in said


def test_equal_figures_of_all_seeds_have_no_interval():
    """An interval of no width would say that the next seed gives the same."""
    experiments = [
        experiment(loss, dropout=rate, seed=seed) for rate, loss in ((0.3, 0.5), (0.1, 0.25)) for seed in (1, 2)
    ]
    said = conclusion(compare_settings(experiments, "validation.loss", COMMITTED, None))
    assert "test accuracy 0.6500 with every seed, test loss 0.3500 with every seed; mean" in said


def test_nothing_is_chosen_by_test_images():
    table = compare_settings(sweep({0.3: 0, 0.1: -0.01}), "test.loss", COMMITTED, None)
    assert conclusion(table) == "Nothing is chosen by test.loss: settings are chosen by validation images."


def test_a_setting_with_one_seed_in_common_is_not_compared():
    experiments = [*sweep({0.3: 0}), experiment(0.1, dropout=0.1, seed=3), experiment(0.1, dropout=0.1, seed=99)]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None)
    assert words(table)["dropout 0.1"] == "too few seeds in common"
    assert chosen(table) is None
    assert table.notes == []


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_one_seed_more_of_a_setting_changes_nothing_in_the_choice(rate):
    """Whether that seed makes its mean better or worse: means over the same seeds are compared."""
    equal = sweep({0.3: 0, 0.1: -0.01, 0.5: 0.01})
    said = conclusion(compare_settings(equal, "validation.loss", COMMITTED, None))
    for loss in (0.0, 0.9):
        table = compare_settings([*equal, experiment(loss, dropout=rate, seed=42)], "validation.loss", COMMITTED, None)
        row, seeds = chosen(table)
        assert (row.label, seeds) == ("dropout 0.1", list(range(1, 11)))
        assert conclusion(table) == said


def test_a_setting_with_fewer_seeds_is_not_chosen():
    experiments = [*sweep({0.3: 0, 0.1: -0.01, 0.5: 0.01}), *sweep({0.2: -0.1}, seeds=5)]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None)
    assert chosen(table)[0].label == "dropout 0.1"


@pytest.mark.parametrize("effects", [{0.3: 0}, {0.3: 0, 0.1: -1}])
def test_nothing_is_chosen_by_one_seed(effects):
    table = compare_settings(sweep(effects, seeds=1), "validation.loss", COMMITTED, None)
    assert conclusion(table) == "Nothing is chosen: that takes two settings with two seeds in common."
    assert "nan" not in re.sub(r"base64,[^\"]+", "", page(table)).lower()
    for width in (80, 150):
        assert "nan" not in [cell for column in printed(table, width).columns for cell in column.cells]


def test_the_current_code_is_preferred_to_what_there_is_most_of():
    old = [each._replace(version=VERSION | {"stages/train.py": "b"}) for each in sweep({0.3: 5, 0.1: 5})]
    experiments = [*sweep({0.3: 0}, seeds=2), *old]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None)
    assert [row.spread.count for row in table.rows] == [2]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None, VERSION | {"stages/train.py": "c"})
    assert [row.spread.count for row in table.rows] == [10, 10]


def test_missing_pairs_are_said_and_not_filled_in():
    experiments = [each for each in sweep({0.3: 0, 0.1: -0.01}) if (each.params.dropout, each.params.seed) != (0.1, 4)]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None)
    assert [row.comparison.difference.count for row in table.rows if row.comparison] == [9]
    assert "dropout 0.1" in table.notes[0]


def test_too_few_seeds_are_said():
    table = compare_settings(sweep({0.3: 0, 0.1: -0.01}, seeds=3), "validation.loss", COMMITTED, None)
    assert words(table)["dropout 0.1"] == "too few seeds to tell (it would take about 6 seeds)"
    assert method(table).endswith("With these seeds it cannot go below 0.25; to show anything it takes 6 seeds.")


def test_where_the_metric_chose_the_epoch_that_is_said():
    said = "validation.loss also chose the epoch that is kept: more patience can only improve it."
    table = compare_settings(sweep({0.3: 0}, patiences=(2, 5)), "validation.loss", COMMITTED, None)
    assert method(table).endswith(said)
    assert said not in method(compare_settings(sweep({0.3: 0, 0.1: 0}), "validation.loss", COMMITTED, None))
    for changes in ({"monitor": "val_accuracy"}, {"save_best_only": False}):
        other = sweep({0.3: 0}, patiences=(2, 5), **changes)
        elsewhere = COMMITTED.model_copy(update=changes)
        assert said not in method(compare_settings(other, "validation.loss", elsewhere, None))


def test_other_code_is_said_and_not_averaged_over():
    old = [each._replace(version=VERSION | {"stages/train.py": "b"}) for each in sweep({0.1: 5}, seeds=4)]
    table = compare_settings([*sweep({0.3: 0, 0.1: -0.01}), *old], "validation.loss", COMMITTED, None)
    assert words(table)["dropout 0.1"] == "better"
    assert table.notes == ["left out, since of other code, data or environment (stages/train.py): 4 of 24 experiments"]


def test_two_results_with_the_same_parameters_are_said_and_neither_is_used():
    twice = [experiment(0.9, name="again", dropout=0.1, seed=1)]
    table = compare_settings([*sweep({0.3: 0, 0.1: -0.01}), *twice], "validation.loss", COMMITTED, None)
    assert [row.comparison.difference.count for row in table.rows if row.comparison] == [9]
    assert table.notes[0].startswith("not used, since with the same parameters they gave different metrics: ")
    assert table.notes[0].endswith("; again")


def test_the_same_result_twice_counts_once():
    experiments = sweep({0.3: 0, 0.1: -0.01})
    table = compare_settings([*experiments, *experiments[:3]], "validation.loss", COMMITTED, None)
    assert {row.spread.count for row in table.rows} == {10}
    assert table.notes == []


def test_settings_of_other_images_are_not_compared():
    experiments = [*sweep({0.3: 0, 0.1: -0.01}), *sweep({0.3: 0.5}, limit=1000)]
    table = compare_settings(experiments, "validation.loss", COMMITTED, None)
    assert len(table.rows) == 2
    images = "dataset fashion_mnist, val_size 0.2, split_seed 42, limit 1000"
    assert table.notes == [f"left out, since of other images than the baseline: {images}"]


def test_the_baseline_is_the_committed_setting_or_the_one_that_is_asked_for():
    experiments = [*sweep({0.3: 0}, seeds=9), *sweep({0.1: -0.01})]
    assert compare_settings(experiments, "validation.loss", COMMITTED, None).baseline.label == "dropout 0.3"
    wanted = wanted_baseline("dropout=0.1", COMMITTED)
    assert compare_settings(experiments, "validation.loss", COMMITTED, wanted).baseline.label == "dropout 0.1"
    elsewhere = COMMITTED.model_copy(update={"dropout": 0.7})
    line = r"is the committed parameters, and no experiment has them \(dropout 0\.7\); .* BASELINE=dropout=0\.1$"
    with pytest.raises(UserError, match=line):  # and not another one, by which the sign of a result would turn
        compare_settings(experiments, "validation.loss", elsewhere, None)


def test_a_baseline_that_is_not_there_or_wrong_is_refused():
    with pytest.raises(UserError, match=r"the baseline that is named: no experiment has them \(dropout 0\.7\)"):
        compare_settings(sweep({0.3: 0}), "validation.loss", COMMITTED, wanted_baseline("dropout=0.7", COMMITTED))
    with pytest.raises(UserError, match=r"compare: the baseline: unknown key 'droput', did you mean dropout\?"):
        wanted_baseline("droput=0.7", COMMITTED)
    for wrong in ("patience", "seed=1", "dropout=0,dropout=1", "a=b=c"):
        with pytest.raises(UserError, match=r"^compare: the baseline must be NAME=VALUE,"):
            wanted_baseline(wrong, COMMITTED)


@pytest.mark.parametrize(("rate", "label"), [(0.3, "all as committed"), (0.5, "dropout 0.5")])
def test_a_setting_alone_is_told_by_what_is_not_as_committed(rate, label):
    wanted = COMMITTED.model_copy(update={"dropout": rate})
    table = compare_settings(sweep({rate: 0}), "validation.loss", COMMITTED, wanted)
    assert words(table) == {label: "baseline"}


@pytest.mark.parametrize(("width", "heads"), [
    (80, ["setting", "seeds", "mean", "difference (95%)", "verdict"]),
    (150, ["setting", "seeds", "mean", "sd", "pairs", "difference", "95% interval", "p", "verdict"]),
])  # fmt: skip
def test_what_is_printed_fits_its_terminal(width: int, heads: list[str]):
    runs = sweep({0.3: 0, 0.1: -0.01}, patiences=(2, 10))
    runs += sweep({0.2: 0}, optimizer="rmsprop", learning_rate=0.0005, hidden_units=1000)
    table = compare_settings(runs, "validation.loss", COMMITTED, None)
    console = Console(width=width, file=io.StringIO())
    console.print(printed(table, width))
    lines = console.file.getvalue().splitlines()
    assert re.split(r" +(?!interval|\()", lines[0].strip()) == heads
    said = [line.rstrip() for line in lines]
    assert next(line for line in said if line.endswith("baseline")).startswith("hidden_units 100, ")
    assert any(line.startswith("patience 10 ") and line.endswith("no difference shown") for line in said) == (
        width == 80
    )
    assert not any("…" in line for line in lines)


def test_a_metric_that_not_all_have_is_refused():
    first, *others = sweep({0.3: 0})
    experiments = [first._replace(metrics=first.metrics | {"stopped_epoch": 3.0}), *others]
    for metric in ("val_los", "stopped_epoch"):
        with pytest.raises(
            UserError, match=rf"one that all experiments have, got '{metric}': test\.accuracy, test\.loss"
        ):
            compare_settings(experiments, metric, COMMITTED, None)


def test_where_the_only_results_disagree_that_is_said():
    experiments = [experiment(0.3, seed=1), experiment(0.4, seed=1)]
    with pytest.raises(UserError, match="gave different metrics with the same parameters"):
        compare_settings(experiments, "validation.loss", COMMITTED, None)

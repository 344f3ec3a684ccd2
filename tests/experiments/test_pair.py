"""A changed setting beside the committed one: the sentence, and the picture."""

import numpy as np
import pytest

from stages.experiments.comparison import baseline_of
from stages.experiments.pair import question, seeds_of_both, sentence
from stages.report.style import use_style
from tests.support.experiments import COMMITTED, compare_settings, experiment, sweep

OTHER = COMMITTED.model_copy(update={"dropout": 0.5})
ASKED = "dropout 0.5 instead of 0.3"


def answer(effect: float, seeds: int = 10, luck: float = 0.02, metric: str = "validation.loss") -> str:
    noise = luck * np.array([1, -1] * seeds)[:seeds]
    runs = sweep({0.3: 0}, seeds) + [
        experiment(each.metrics["validation.loss"] + effect + noise[seed - 1], dropout=0.5, seed=seed)
        for seed, each in enumerate(sweep({0.3: 0}, seeds), 1)
    ]
    return sentence(ASKED, compare_settings(runs, metric, COMMITTED, None))


def test_what_is_asked_is_what_differs_and_on_which_images():
    assert question(OTHER, COMMITTED, COMMITTED) == ASKED
    several = OTHER.model_copy(update={"patience": None, "limit": 600})
    base = baseline_of(several, COMMITTED)
    said = "dropout 0.5 instead of 0.3, patience none instead of 2, on limit 600"
    assert question(several, base, COMMITTED) == said


@pytest.mark.parametrize(("effect", "says"), [
    (0.1, "validation loss higher by 0.100 (0.085 to 0.115): worse"),
    (-0.1, "validation loss lower by 0.100 (0.085 to 0.115): better"),
    (0.001, "validation loss higher by 0.001 (0.014 lower to 0.016 higher): no difference shown (it would take "
            "more than 1,000 seeds to see one this small)"),
    (-0.01, "validation loss lower by 0.010 (0.025 lower to 0.005 higher): no difference shown (it would take "
            "about 37 seeds to see one this small)"),
])  # fmt: skip
def test_the_answer_has_the_size_its_interval_and_the_verdict(effect: float, says: str):
    assert answer(effect) == f"{ASKED}: {says}"


def test_of_an_accuracy_the_higher_is_better():
    assert answer(0.1, metric="test.accuracy") == f"{ASKED}: test accuracy lower by 0.100 (0.085 to 0.115): worse"


def test_with_few_seeds_it_says_that_they_are_too_few():
    assert "too few seeds to tell (it would take about " in answer(0.1, seeds=3)
    assert answer(0.1, seeds=1) == f"{ASKED}: too few seeds in common"
    assert answer(0, luck=0) == f"{ASKED}: validation loss the same with every seed"
    assert answer(0.1, seeds=6, luck=0).startswith(
        f"{ASKED}: validation loss higher by 0.100000 (0.100000 to 0.100000)"
    )


@pytest.mark.parametrize("seeds", [1, 10])
def test_the_picture_has_a_dot_for_each_seed_of_both_and_for_its_difference(seeds: int):
    use_style()
    runs = [*sweep({0.3: 0}, seeds), *sweep({0.5: 0.1}, seeds), experiment(0.1, seed=99)]  # 99 of one alone
    table = compare_settings(runs, "validation.loss", COMMITTED, None)
    figure = seeds_of_both("A title", table)
    left, right = figure.axes
    base, other = (
        [run.metrics["validation.loss"] for run in runs if run.params.dropout == rate and run.params.seed < 99]
        for rate in (0.3, 0.5)
    )
    dots = [line.get_ydata() for line in left.lines if line.get_linestyle() == "None" or line.get_marker() != "None"]
    assert [list(each) for each in dots] == [base, other]
    (differences,) = (line for line in right.lines if len(line.get_ydata()) == seeds and line.get_marker() == "o")
    assert differences.get_ydata() == pytest.approx(np.subtract(other, base))
    assert len(set(differences.get_xdata())) == seeds

"""The statistics as statistics: against SciPy's on known data, and by simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from seeds.statistics import ALPHA, POWER, Comparison, Spread, compare, seeds_for, sign_flip_p, spread, verdict

SLEEP = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]  # Student 1908, the first drug


def test_the_interval_is_that_of_students_t_test():
    found = spread(SLEEP)
    expected = stats.ttest_1samp(SLEEP, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.count, found.mean, found.sd) == pytest.approx((10, 0.75, np.std(SLEEP, ddof=1)))


@pytest.mark.parametrize("sample", [SLEEP[:6], [0, 0, 1, -2, 5], [0.1, 0.1, 0.1, -0.1]])
def test_p_is_the_share_of_all_signs_that_give_a_mean_as_far_from_zero(sample: list[float]):
    means = [np.dot(signs, sample) for signs in itertools.product((-1, 1), repeat=len(sample))]
    expected = np.mean(np.abs(means) >= abs(sum(sample)) - 1e-12)
    assert sign_flip_p(sample) == pytest.approx(expected)


def test_beyond_sixteen_pairs_signs_are_drawn_and_p_is_the_same_each_time():
    sample = np.random.default_rng(2).normal(0.5, 1, 30)
    assert sign_flip_p(sample) == sign_flip_p(sample)
    assert sign_flip_p(sample) == pytest.approx(stats.ttest_1samp(sample, 0).pvalue, rel=0.2)


@pytest.mark.parametrize(
    ("sample", "p"), [(range(1, 3), 1 / 2), (range(1, 17), 2**-15), ([1, 2, 3, 0, 0], 1 / 4), ([0.0, 0.0], 1)]
)
def test_the_smallest_p_is_reached_where_all_differences_that_are_not_0_have_one_sign(sample, p: float):
    found = compare({"only": sample})["only"]
    assert found.p == found.smallest_p == p


def test_eight_seeds_cannot_show_one_of_eight_differences_whatever_its_size():
    samples = {name: np.random.default_rng(name).normal(100, 1, 8) for name in range(8)}
    for found in compare(samples).values():
        assert found.p == 2**-7
        assert found.adjusted_p == found.smallest_p == 0.0625
        assert verdict(found, "less", "more") == "too few seeds (at least 9 needed)"
        assert found.seeds_needed == seeds_for(8) == 9


def test_holms_correction_is_holms():
    samples = {name: np.random.default_rng(name).normal(name, 2, 10) for name in range(4)}
    found = list(compare(samples).values())
    ordered = sorted(found, key=lambda each: each.p)
    expected = np.maximum.accumulate([min(1, each.p * (4 - rank)) for rank, each in enumerate(ordered)])
    assert [each.adjusted_p for each in ordered] == pytest.approx(expected)


def test_without_any_difference_at_most_5_of_100_families_report_one():
    generator = np.random.default_rng(3)
    families = (compare(dict(enumerate(generator.normal(size=(3, 8))))).values() for _ in range(200))
    wrong = [any(found.is_significant for found in family) for family in families]
    assert 0 < np.mean(wrong) <= ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / 200)


def test_a_planted_effect_is_significant_and_called_by_its_name():
    generator = np.random.default_rng(4)
    samples = {"lower": generator.normal(-1, 0.3, 10), "higher": generator.normal(1, 0.3, 10), "none": [0.1, -0.1] * 5}
    found = {name: verdict(each, "better", "worse") for name, each in compare(samples).items()}
    assert found["lower"] == "better"
    assert found["higher"] == "worse"
    assert found["none"].startswith("not significant (more than 1,000 seeds")
    assert verdict(compare({"a": [0.0] * 10})["a"], "better", "worse").startswith("identical")


def seeds_needed(mean: float, sd: float, comparisons: int) -> int | None:
    return Comparison(Spread(10, mean, sd, 0, 0), 1, 1, 0, comparisons).seeds_needed


def test_the_reported_number_of_seeds_has_the_reported_power():
    generator = np.random.default_rng(6)
    seeds = seeds_needed(mean=1, sd=1, comparisons=1)
    shown = np.mean([sign_flip_p(generator.normal(1, 1, seeds)) <= ALPHA for _ in range(400)])
    assert shown == pytest.approx(POWER, abs=0.1)


@pytest.mark.parametrize(
    ("mean", "sd", "comparisons", "seeds"), [(0.00446, 0.00981, 11, 70), (0.00141, 0.00925, 11, 587)]
)
def test_the_more_comparisons_the_more_seeds_it_takes(mean, sd, comparisons, seeds):
    expected = TTestPower().solve_power(mean / sd, alpha=ALPHA / comparisons, power=POWER)
    assert seeds_needed(mean, sd, comparisons) == math.ceil(expected) == seeds
    assert seeds_needed(mean, sd, 1) < seeds

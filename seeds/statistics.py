"""Statistics of differences between two settings, paired by seed."""

import gc
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

ALPHA = 0.05  # the chance that a family of comparisons reports any difference where there is none
POWER = 0.8  # the chance that the reported number of seeds would show a difference of the measured size
EXACT = 16  # pairs up to which all assignments of signs are tried (65,536); beyond, as many are drawn at random
MANY = 1000  # seeds; a larger number is reported as "more than 1,000"

Name = TypeVar("Name", bound=Hashable)


class Spread(NamedTuple):
    """The mean and standard deviation of a sample, and Student's 95% interval of the mean."""

    count: int
    mean: float
    sd: float
    low: float
    high: float


class Comparison(NamedTuple):
    """The differences of two settings, paired by seed; one comparison of a family."""

    difference: Spread
    p: float  # of the two-sided sign-flip test
    adjusted_p: float  # after Holm's correction for the family
    smallest_p: float  # the smallest adjusted_p possible, reached when all differences have the same sign
    comparisons: int  # the size of the family

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than chance explains."""
        return self.adjusted_p <= ALPHA

    @property
    def is_zero(self) -> bool:
        """Whether the values are equal for every seed."""
        return not self.difference.mean and not self.difference.sd

    @property
    def seeds_needed(self) -> int | None:
        """How many seeds would show a difference of this size, at least one more than now; None: over 1,000.

        Uses the power of the paired t test, which is close to that of the sign-flip test.
        """
        from statsmodels.stats.power import TTestPower

        count, mean, sd, _, _ = self.difference
        seeds = np.arange(max(seeds_for(self.comparisons), count + 1), MANY + 1)
        power = TTestPower().power(abs(mean) / sd if sd else math.inf, seeds, ALPHA / self.comparisons)
        enough = seeds[~(power < POWER)]  # NaN for an effect of many standard deviations
        return int(enough[0]) if enough.size else None


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and interval of a sample of at least two values."""
    from scipy.stats import t

    count, mean = len(values), float(np.mean(values))
    sd = float(np.std(values, ddof=1))
    half = float(t.ppf(1 - ALPHA / 2, count - 1)) * sd / math.sqrt(count)
    return Spread(count, mean, sd, mean - half, mean + half)


def sign_flip_p(differences: Sequence[float]) -> float:
    """Return the two-sided p of Fisher's permutation test for pairs ("The Design of Experiments", 1935, section 21).

    If two settings do not differ, every difference could equally have the opposite sign. p is the share of all
    assignments of signs whose mean is at least as far from 0 as the measured mean.
    """
    from scipy.stats import permutation_test

    test = permutation_test(
        (np.asarray(differences),),
        lambda sample, axis: sample.mean(axis=axis),
        permutation_type="samples",
        n_resamples=2 ** min(len(differences), EXACT),
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(test.pvalue)


def smallest_p(differences: Sequence[float]) -> float:
    """Return the smallest possible `sign_flip_p`, reached when all differences but zeros have the same sign."""
    signed = int(np.count_nonzero(differences))
    return 2.0 ** (1 - min(signed, EXACT)) if signed else 1.0


def seeds_for(comparisons: int) -> int:
    """Return the smallest number of seeds with which one of this many comparisons can be significant."""
    return math.ceil(1 + math.log2(comparisons / ALPHA))


def compare(differences: Mapping[Name, Sequence[float]]) -> dict[Name, Comparison]:
    """Compare each sample of paired differences (at least two seeds) with 0, as one family."""
    gc.freeze()  # multipletests collects garbage at every call, which takes long with all libraries imported
    p = [sign_flip_p(sample) for sample in differences.values()]
    comparisons = {}
    for number, ((name, sample), adjusted_p) in enumerate(zip(differences.items(), _holm(p), strict=True)):
        least = _holm([*p[:number], smallest_p(sample), *p[number + 1 :]])[number]
        comparisons[name] = Comparison(spread(sample), p[number], adjusted_p, least, len(p))
    return comparisons


def _holm(p: list[float]) -> list[float]:
    from statsmodels.stats.multitest import multipletests

    return multipletests(p, method="holm")[1].tolist() if p else []


def verdict(comparison: Comparison, lower: str, higher: str) -> str:
    """Return `lower` or `higher` for a significant difference; otherwise say how many seeds it takes."""
    if comparison.is_significant:
        return lower if comparison.difference.mean < 0 else higher
    if comparison.is_zero:
        return "identical for every seed"
    least = seeds_for(comparison.comparisons)
    if comparison.difference.count < least:  # an estimate from so few would look more exact than it is
        return f"too few seeds (at least {least} needed)"
    seeds = comparison.seeds_needed
    return f"not significant ({f'about {seeds}' if seeds else f'more than {MANY:,}'} seeds needed)"

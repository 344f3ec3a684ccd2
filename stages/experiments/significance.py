"""Whether two settings differ by more than the luck of a seed. Values by seed in, plain numbers and words out."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

ALPHA = 0.05  # how often, at most, all comparisons together say "better" or "worse" where nothing differs
POWER = 0.8  # how surely the number of seeds that is named would show a difference of the size that was seen
EXACT = 16  # pairs up to which every assignment of signs is tried: 65,536; beyond, as many drawn at random
MANY = 1000  # seeds: more than that is not counted

Name = TypeVar("Name", bound=Hashable)


class Spread(NamedTuple):
    """A sample: its mean, its standard deviation, and Student's 95 % interval of the mean (NaN for one value)."""

    count: int
    mean: float
    sd: float
    low: float
    high: float


class Comparison(NamedTuple):
    """The differences of two settings, paired by seed; one of several comparisons made together."""

    difference: Spread
    p: float  # of the sign-flip test, two-sided
    adjusted_p: float  # Holm's correction over all comparisons
    smallest_p: float  # the least that adjusted_p could be, had all differences of this sample the same sign
    comparisons: int  # how many were made together

    @property
    def is_shown(self) -> bool:
        """Whether the difference is more than luck."""
        return self.adjusted_p <= ALPHA


def spread(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and interval of a sample of at least one value."""
    from scipy.stats import t

    count, mean = len(values), float(np.mean(values))
    if count == 1:
        return Spread(1, mean, math.nan, math.nan, math.nan)
    sd = float(np.std(values, ddof=1))
    half = float(t.ppf(1 - ALPHA / 2, count - 1)) * sd / math.sqrt(count)
    return Spread(count, mean, sd, mean - half, mean + half)


def sign_flip_p(differences: Sequence[float]) -> float:
    """The two-sided p of Fisher's permutation test for pairs ("The Design of Experiments", 1935, section 21).

    If nothing differs, a difference is as likely to have the other sign; so, what share of all assignments of signs
    gives a mean as far from 0 as the one seen?
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
    """The least that `sign_flip_p` could be, had all these differences the same sign. Those of 0 have none."""
    signed = int(np.count_nonzero(differences))
    return 2.0 ** (1 - min(signed, EXACT)) if signed else 1.0


def seeds_for(comparisons: int) -> int:
    """The least number of seeds with which the sign-flip test can show anything, one of so many comparisons."""
    return math.ceil(1 + math.log2(comparisons / ALPHA))


def seeds_to_show(difference: Spread, comparisons: int) -> int | None:
    """About how many seeds would show such a difference as one of so many comparisons; None: more than 1,000.

    The power of the paired t test, to which the sign-flip test comes close.
    """
    from statsmodels.stats.power import TTestPower

    least = seeds_for(comparisons)
    if not difference.sd:
        return least
    effect, alpha, test = abs(difference.mean) / difference.sd, ALPHA / comparisons, TTestPower()
    if not test.power(effect, least, alpha) < POWER:  # it is NaN for an effect of many standard deviations
        return least
    if test.power(effect, MANY, alpha) < POWER:
        return None
    return math.ceil(test.solve_power(effect, alpha=alpha, power=POWER))


def compare(differences: Mapping[Name, Sequence[float]]) -> dict[Name, Comparison]:
    """Whether each of these samples of paired differences, of at least two seeds, has a mean other than 0."""
    p = [sign_flip_p(sample) for sample in differences.values()]
    found = {}
    for number, ((name, sample), adjusted_p) in enumerate(zip(differences.items(), _holm(p), strict=True)):
        least = _holm([*p[:number], smallest_p(sample), *p[number + 1 :]])[number]
        found[name] = Comparison(spread(sample), p[number], adjusted_p, least, len(p))
    return found


def _holm(p: list[float]) -> list[float]:
    """Holm 1979, "A simple sequentially rejective multiple test procedure".

    What statsmodels's `multipletests` gives, which collects garbage at each call: a fifth of a second, of all there is.
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1)))
    return adjusted.tolist()


def verdict(comparison: Comparison, less: str, more: str) -> str:
    """What a comparison shows.

    Args:
        comparison: of some values beside those of a baseline.
        less: what it is called if they are shown to be lower.
        more: what it is called if they are shown to be higher.
    """
    difference = comparison.difference
    if comparison.is_shown:
        return less if difference.mean < 0 else more
    if not difference.mean and not difference.sd:
        return "the same with every seed"
    seeds = seeds_to_show(difference, comparison.comparisons)
    if seeds:  # more than there were, of which some showed no difference at all
        seeds = max(seeds, difference.count + 1)
    about = f"about {seeds} seeds" if seeds else f"more than {MANY:,} seeds"
    if comparison.smallest_p > ALPHA:
        return f"too few seeds to tell (it would take {about})"
    return f"no difference shown (it would take {about} to see one this small)"

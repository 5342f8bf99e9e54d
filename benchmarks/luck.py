"""Which differences between means of a few runs luck alone brings."""

import math

from scipy.stats import t as student

__all__ = ["least_significant_difference"]

_LUCK = 0.05  # how often a difference that is called luck is exceeded


def least_significant_difference(variance: float, *, freedom: int, runs: int) -> float:
    """The difference between two means over `runs` each that luck exceeds in one of twenty cases.

    Fisher's least significant difference: by Student's distribution, from the `variance` of a single run, which is
    known with so many degrees of `freedom`. The best of many exceeds it more often.
    """
    return float(student.ppf(1 - _LUCK / 2, df=freedom) * math.sqrt(2 * variance / runs))

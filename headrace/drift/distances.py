"""How far two counts by category are apart."""

from __future__ import annotations

from collections.abc import Mapping
from math import log, sqrt
from statistics import NormalDist

LEAST_EXPECTED = 5.0
"""Of a category in either window for the chi-square; those with less count together."""

_CERTAIN = NormalDist().inv_cdf(0.999)
_PSI_LARGE = 0.25
"""From here on a shift counts as large (Siddiqi, 2006)."""


def chi_square(one: Mapping[str, int], other: Mapping[str, int]) -> tuple[float, int]:
    """Return the chi-square statistic (Pearson, 1900) of a table of two rows, and its degrees of freedom."""
    pairs = _pooled(one, other)
    n, m = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    statistic = 0.0
    for a, b in pairs:
        for count, size in ((a, n), (b, m)):
            expected = (a + b) * size / (n + m)
            statistic += (count - expected) ** 2 / expected
    return statistic, len(pairs) - 1


def population_stability(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Return the population stability index, each count raised by one half so that none is zero."""
    names = dict.fromkeys((*one, *other))
    n = sum(one.values()) + 0.5 * len(names)
    m = sum(other.values()) + 0.5 * len(names)
    total = 0.0
    for name in names:
        a, b = (one.get(name, 0) + 0.5) / n, (other.get(name, 0) + 0.5) / m
        total += (b - a) * log(b / a)
    return total


def differ(detector: str, one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Return whether the counts differ by more than chance; one in a thousand that do not is taken to.

    ``"psi"`` also wants the index to be 0.25 or more, for chance alone gives one of that size where there are
    few events and many categories (Yurdakul, 2018).
    """
    if detector == "chi2":
        statistic, freedom = chi_square(one, other)
        return freedom > 0 and statistic > _quantile(freedom)
    freedom = len(dict.fromkeys((*one, *other))) - 1
    if freedom < 1:
        return False
    by_chance = _quantile(freedom) * (1.0 / sum(one.values()) + 1.0 / sum(other.values()))
    return population_stability(one, other) > max(_PSI_LARGE, by_chance)


def _quantile(freedom: int) -> float:
    """Return the 0.999 quantile of chi-square, after Wilson and Hilferty (1931)."""
    share = 2.0 / (9.0 * freedom)
    return freedom * (1.0 - share + _CERTAIN * sqrt(share)) ** 3


def _pooled(one: Mapping[str, int], other: Mapping[str, int]) -> list[tuple[int, int]]:
    pairs = [(one.get(name, 0), other.get(name, 0)) for name in dict.fromkeys((*one, *other))]
    n, m = sum(one.values()), sum(other.values())
    least = LEAST_EXPECTED * (n + m) / min(n, m) if n and m else 0.0
    kept = [pair for pair in pairs if sum(pair) >= least]
    rare = [pair for pair in pairs if sum(pair) < least]
    pooled = (sum(a for a, _ in rare), sum(b for _, b in rare))
    return [*kept, pooled] if sum(pooled) else kept

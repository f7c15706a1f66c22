"""Distances of counts, against scipy and by their properties."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headrace.drift.distances import chi_square, differ, population_stability

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 500), min_size=1)
FREQUENT = st.lists(st.tuples(st.integers(20, 500), st.integers(20, 500)), min_size=2, max_size=8)


@given(FREQUENT)
def test_the_chi_square_of_frequent_categories_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    one = {str(i): a for i, (a, _) in enumerate(pairs)}
    other = {str(i): b for i, (_, b) in enumerate(pairs)}
    n, m = sum(one.values()), sum(other.values())
    if any((a + b) * min(n, m) / (n + m) < 5 for a, b in pairs):
        return

    statistic, freedom = chi_square(one, other)

    wanted = stats.chi2_contingency([[*one.values()], [*other.values()]], correction=False)
    assert statistic == pytest.approx(wanted.statistic, rel=1e-9, abs=1e-9)
    assert freedom == wanted.dof


def test_rare_categories_count_together() -> None:
    one = {"a": 100, "b": 100} | {f"rare{i}": 1 for i in range(10)}
    other = {"a": 100, "b": 100} | {f"odd{i}": 1 for i in range(10)}

    statistic, freedom = chi_square(one, other)

    assert freedom == 2
    assert statistic == pytest.approx(
        stats.chi2_contingency([[100, 100, 10], [100, 100, 10]], correction=False).statistic
    )


@given(COUNTS, COUNTS)
def test_the_stability_index_is_the_symmetric_relative_entropy(
    one: dict[str, int], other: dict[str, int]
) -> None:
    names = sorted({*one, *other})
    p = [(one.get(name, 0) + 0.5) for name in names]
    q = [(other.get(name, 0) + 0.5) for name in names]

    wanted = stats.entropy(p, q) + stats.entropy(q, p)  # scipy makes shares of them

    assert population_stability(one, other) == pytest.approx(wanted, abs=1e-9)
    assert population_stability(one, other) == pytest.approx(population_stability(other, one), abs=1e-12)
    assert math.isfinite(wanted)


@given(COUNTS, st.sampled_from(["psi", "chi2"]))
def test_counts_do_not_differ_from_themselves(counts: dict[str, int], detector: str) -> None:
    assert not differ(detector, counts, counts)


@pytest.mark.parametrize("detector", ["psi", "chi2"])
def test_windows_of_one_distribution_hardly_ever_differ_and_others_do(detector: str) -> None:
    chance = random.Random(3)
    names, weights = "abcdefghij", [30, 20, 10, 10, 10, 5, 5, 5, 3, 2]

    def window(shares: list[int]) -> Counter[str]:
        return Counter(chance.choices(names, shares, k=500))

    false = sum(differ(detector, window(weights), window(weights)) for _ in range(1_000))
    true = sum(differ(detector, window(weights), window(weights[::-1])) for _ in range(100))

    assert false <= 6  # one in a thousand is expected
    assert true == 100

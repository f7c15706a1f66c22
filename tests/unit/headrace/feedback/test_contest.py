"""The probability to be the largest is that of an integral, and of counting."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from headrace.feedback.contest import contest

NUMBERS = st.floats(-3, 3)
SPREADS = st.floats(0.05, 2)


def integrated(means: list[float], spreads: list[float]) -> list[float]:
    """Return the textbook integral, by scipy."""

    def wins(a: int) -> float:
        def density(z: float) -> float:
            t = means[a] + spreads[a] * z
            below = [
                stats.norm.cdf((t - m) / s)
                for b, (m, s) in enumerate(zip(means, spreads, strict=True))
                if b != a
            ]
            return float(stats.norm.pdf(z) * below[0] * below[1])

        return float(integrate.quad(density, -8, 8, limit=200, epsabs=1e-6)[0])

    return [wins(a) for a in range(3)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(NUMBERS, SPREADS), min_size=2, max_size=8))
def test_probabilities_are_probabilities(arms: list[tuple[float, float]]) -> None:
    shares = contest(*map(list, zip(*arms, strict=True)))

    assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert all(0 <= share <= 1 for share in shares)


@settings(deadline=None, max_examples=60)
@given(NUMBERS, SPREADS, NUMBERS, SPREADS)
def test_two_are_the_closed_form(m: float, s: float, n: float, t: float) -> None:
    first, second = contest([m, n], [s, t])

    assert first == pytest.approx(stats.norm.cdf((m - n) / (s * s + t * t) ** 0.5), abs=1e-12)
    assert first + second == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_three_are_the_integral(seed: int) -> None:
    chance = random.Random(seed)
    means = [chance.gauss(0, 1) for _ in range(3)]
    spreads = [chance.choice([0.02, 0.3, 1.0, 2.0]) for _ in range(3)]

    assert contest(means, spreads) == pytest.approx(integrated(means, spreads), abs=2e-3)


def test_ten_are_what_counting_says() -> None:
    chance = random.Random(1)
    means = [chance.gauss(0, 0.3) for _ in range(10)]
    spreads = [chance.uniform(0.1, 1) for _ in range(10)]
    wins = [0] * 10
    for _ in range(20_000):
        drawn = [chance.gauss(m, s) for m, s in zip(means, spreads, strict=True)]
        wins[drawn.index(max(drawn))] += 1

    assert contest(means, spreads) == pytest.approx([n / 20_000 for n in wins], abs=0.012)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_equal_ones_share_equally_whatever_their_spread(n: int) -> None:
    for spread in (0.0, 1e-9, 1.0):
        assert contest([0.3] * n, [spread] * n) == pytest.approx([1 / n] * n, abs=1e-9)


def test_without_spread_the_largest_mean_takes_all() -> None:
    assert contest([0.1, 0.2], [0, 0]) == [0, 1]
    assert contest([0.1, 0.3, 0.2], [0, 0, 0]) == pytest.approx([0, 1, 0], abs=1e-9)
    assert contest([1e6, 0.0, -1e6], [1, 1, 1]) == pytest.approx([1, 0, 0], abs=1e-9)

"""Quantiles of delays are near those of the sorted list, and the same in whatever order the delays came."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.labels.delays import Delays

DELAYS = st.lists(st.floats(0.001, 1e9), min_size=1, max_size=200)


def of(delays: list[float]) -> Delays:
    made = Delays()
    for delay_s in delays:
        made.add(delay_s)
    return made


@given(DELAYS, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_right_to_6_per_cent(delays: list[float], q: float) -> None:
    exact = sorted(delays)[max(0, math.ceil(q * len(delays)) - 1)]

    assert of(delays).quantile(q) == pytest.approx(exact, rel=0.0626)


@given(DELAYS, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(delays: list[float], chance: object) -> None:
    shuffled = sorted(delays, key=lambda _: chance.random())  # type: ignore[attr-defined]

    assert of(shuffled).counts() == of(delays).counts()
    assert Delays(of(delays).counts()).quantile(0.5) == of(delays).quantile(0.5)


def test_labels_before_their_event_have_no_delay_and_none_has_no_quantile() -> None:
    assert Delays().quantile(0.5) is None
    assert of([-3.0, 0.0, 0.0001, 8.0]).quantile(0.5) == 0.0

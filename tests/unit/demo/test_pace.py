"""How many records may be out: few more than are answered, or an even stream whose end waits."""

from __future__ import annotations

import pytest

from agents.demo.label_book import LabelBook
from agents.demo.ledger import Ledger
from agents.demo.pace import AHEAD, LAST_S, STEADY_AHEAD, STEADY_LEAST_S, STEADY_PER_S, FullSpeed, Steady


class Clock:
    """Stands still unless it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ledger() -> Ledger:
    return Ledger("t", {0: 0})


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_at_full_speed_a_fixed_number_waits_for_its_answer(ledger: Ledger) -> None:
    pace = FullSpeed(ledger, LabelBook("l", {0: 0}))
    assert pace() == AHEAD
    ledger.predicted = 700
    assert pace() == AHEAD + 700
    assert not pace.is_ending


def test_arrivals_that_wait_to_be_learned_hold_departures_back(ledger: Ledger) -> None:
    labels = LabelBook("l", {0: 0})
    pace = FullSpeed(ledger, labels)
    for n in range(120):
        labels.send(str(n))
    assert pace() == AHEAD - 120
    labels.states["joined"] = 100
    assert pace() == AHEAD - 20


@pytest.mark.parametrize("total", [1, 400, 20_000, 60_000, 300_000])
def test_an_even_stream_is_neither_short_nor_fast(total: int, ledger: Ledger, clock: Clock) -> None:
    pace = Steady(total, ledger, lambda: True, clock)
    assert pace() == 1
    clock.now += STEADY_LEAST_S / 2
    ledger.predicted = total
    assert pace() == 1 + min(total // 2, int(STEADY_PER_S * STEADY_LEAST_S / 2))
    clock.now += total
    assert pace() == total


def test_its_end_waits_for_what_is_to_happen_meanwhile(ledger: Ledger, clock: Clock) -> None:
    is_over = False
    pace = Steady(60_000, ledger, lambda: is_over, clock)
    clock.now += 1_000
    ledger.predicted = 59_000
    held_back = 60_000 - pace()
    assert 0 < held_back < STEADY_PER_S * LAST_S
    is_over = True
    assert pace() == 60_000


def test_what_piles_up_has_a_bound(ledger: Ledger, clock: Clock) -> None:
    pace = Steady(300_000, ledger, lambda: True, clock)
    clock.now += 1_000
    assert pace() == STEADY_AHEAD


def test_the_end_is_near_when_few_records_are_left(ledger: Ledger, clock: Clock) -> None:
    pace = Steady(60_000, ledger, lambda: True, clock)
    ledger.sent = 60_000 - int(STEADY_PER_S * LAST_S)
    assert not pace.is_ending
    ledger.sent += 1
    assert pace.is_ending


def test_an_even_stream_can_be_told_how_fast_it_is(ledger: Ledger, clock: Clock) -> None:
    pace = Steady(10_000, ledger, lambda: True, clock, per_s=500.0)
    ledger.predicted = 9_000
    clock.now += 4.0
    assert pace() == 1 + 2_000

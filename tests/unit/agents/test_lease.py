"""How long a worker may speak for its partitions, by a clock that the test moves."""

from __future__ import annotations

import time

import pytest

from agents import lease
from agents.lease import Lease


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_nobody_holds_what_was_never_confirmed(clock: Clock) -> None:
    fresh = Lease(6.0, clock)

    assert not fresh.is_held()
    assert not fresh.has_lapsed()


@pytest.mark.parametrize(("passed_s", "held"), [(0.0, True), (5.9, True), (6.0, False), (60.0, False)])
def test_it_is_held_for_a_session_from_the_sending_of_a_heartbeat(
    clock: Clock, passed_s: float, held: bool
) -> None:
    mine = Lease(6.0, clock)
    mine.renew(clock.now)

    clock.now += passed_s

    assert mine.is_held() is held
    assert mine.has_lapsed() is not held


def test_an_answer_that_lay_about_while_the_process_slept_renews_nothing(clock: Clock) -> None:
    mine = Lease(6.0, clock)
    sent_at = clock.now
    clock.now += 18.0

    mine.renew(sent_at)

    assert not mine.is_held()


def test_answers_out_of_order_do_not_shorten_it(clock: Clock) -> None:
    mine = Lease(6.0, clock)
    mine.renew(110.0)
    mine.renew(104.0)

    clock.now = 115.0

    assert mine.is_held()


def test_it_comes_back_with_the_next_confirmed_heartbeat(clock: Clock) -> None:
    mine = Lease(6.0, clock)
    mine.renew(clock.now)
    clock.now += 30.0
    assert mine.has_lapsed()

    mine.renew(clock.now - 0.1)

    assert mine.is_held()


def test_the_clock_goes_on_and_counts_seconds() -> None:
    before, expected = lease.clock(), time.monotonic()
    passed_s = lease.clock() - before

    assert 0.0 <= passed_s <= time.monotonic() - expected + 1.0

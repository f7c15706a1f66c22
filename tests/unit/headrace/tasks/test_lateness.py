"""A model is too slow when too many of its last answers came late."""

from __future__ import annotations

from headrace.tasks.breaker import Breaker
from headrace.tasks.lateness import Lateness


def test_too_many_late_answers_are_told_once() -> None:
    lateness = Lateness(0.005, Breaker(errors=3, of=10))
    for elapsed_s in (0.004, 0.006, 0.001, 0.020, 0.005):
        lateness.took(elapsed_s)

    assert lateness.take() == 0
    lateness.took(0.006)
    assert lateness.take() == 3
    assert lateness.take() == 0


def test_late_answers_long_ago_are_forgotten() -> None:
    lateness = Lateness(0.005, Breaker(errors=3, of=10))
    for elapsed_s in [1.0, 1.0, *[0.001] * 9, 1.0]:
        lateness.took(elapsed_s)

    assert lateness.take() == 0

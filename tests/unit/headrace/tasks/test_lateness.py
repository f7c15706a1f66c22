"""A model is too slow when too many of its last answers came late."""

from __future__ import annotations

from headrace.tasks.breaker import Breaker
from headrace.tasks.lateness import Lateness


def of(*elapsed_s: float) -> Lateness:
    lateness = Lateness(0.005, Breaker(errors=3, of=10))
    for one in elapsed_s:
        lateness.took(one)
    return lateness


def test_too_many_late_answers_are_told_until_they_are_forgotten() -> None:
    lateness = of(0.004, 0.006, 0.001, 0.020, 0.005)

    assert lateness.n_late == 0
    lateness.took(0.006)
    assert lateness.n_late == 3
    lateness.forget()
    assert lateness.n_late == 0
    lateness.took(0.006)
    assert lateness.n_late == 0


def test_late_answers_far_apart_do_not_add_up() -> None:
    assert of(*[1.0, 1.0, *[0.001] * 9] * 5).n_late == 0


def test_too_many_stay_too_many_whatever_comes_after() -> None:
    assert of(*[1.0] * 4, *[0.001] * 100).n_late == 4

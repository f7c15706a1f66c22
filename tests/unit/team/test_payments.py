"""The payments are the same for the same seed, and change where they should."""

from __future__ import annotations

import math
import time

import pytest

from agents.team.glitching import FIELD, NAN, RAISES, SLOW, SLOW_MS, Glitching
from agents.team.payments import N_GLITCHES, marks, payments
from agents.team.pipeline import SNAPSHOT_CLASSES, pipeline
from headrace.testing import Harness

N = 2_000


def test_the_same_seed_makes_the_same_payments_and_another_seed_others() -> None:
    assert list(payments(200)) == list(payments(200))
    assert list(payments(200)) != list(payments(200, seed=1))


def test_ids_are_unique_and_every_payment_has_a_label() -> None:
    found = list(payments(N))
    assert len({payment.id for payment in found}) == N
    assert {payment.is_fraud for payment in found} == {False, True}


def test_glitches_are_where_the_marks_say() -> None:
    at = marks(N)
    glitches = {number: payment.glitch for number, payment in enumerate(payments(N)) if payment.glitch}
    assert glitches == {
        **dict.fromkeys(range(at.raises, at.raises + N_GLITCHES), RAISES),
        **dict.fromkeys(range(at.nan, at.nan + N_GLITCHES), NAN),
        **dict.fromkeys(range(at.slow, at.slow + N_GLITCHES), SLOW),
    }


def test_frauds_are_large_amounts_before_the_mark_and_small_ones_after() -> None:
    found, at = list(payments(N)), marks(N)
    for part, is_large in ((found[: at.drift], True), (found[at.drift :], False)):
        amounts: dict[bool, list[float]] = {False: [], True: []}
        for payment in part:
            amounts[payment.is_fraud is True].append(payment.amount)
        mean = {is_fraud: sum(values) / len(values) for is_fraud, values in amounts.items()}
        assert (mean[True] > mean[False]) is is_large


def test_the_fault_is_called_up_by_the_event_alone() -> None:
    model, x = Glitching(), {"amount": 12.0, "hour": 3.0}
    assert model.transform_one(x) == x
    assert model.transform_one(x | {FIELD: None}) == x
    assert all(math.isnan(value) for value in model.transform_one(x | {FIELD: NAN}).values())
    with pytest.raises(ValueError, match="sabotaged"):
        model.transform_one(x | {FIELD: RAISES})


def test_one_that_is_slow_says_the_same_later(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    x = {"amount": 12.0, "hour": 3.0}
    assert Glitching().transform_one(x | {FIELD: SLOW}) == x
    assert slept == [SLOW_MS / 1e3]


def sent(*glitches: str | None) -> Harness:
    """Return a fold of payments with these faults, measured by the clock."""
    harness = Harness(pipeline, snapshot_classes=[SNAPSHOT_CLASSES])
    harness.fold.time(time.perf_counter)
    event = {"card": "c", "amount": 9.0, "hour": 3.0, "distance_km": 1.0, "pause_min": 5.0, "is_fraud": False}
    for number, glitch in enumerate(glitches):
        harness.send({"id": f"p{number}", **event} | ({} if glitch is None else {"glitch": glitch}))
    return harness


def test_a_few_slow_answers_are_enough_to_be_found_too_slow() -> None:
    [(name, n_late)] = sent(SLOW, SLOW, SLOW).fold.late()
    assert (name, n_late) == ("linear", 3.0)


def test_only_the_sabotaged_model_fails_and_another_stands_in() -> None:
    harness = sent(None, None, RAISES)
    steps = harness.predictions[-1]["steps"]
    assert steps["linear"]["status"] == "stand_in"
    assert steps["linear"]["by"] == "linear-backup"
    assert {steps[name]["status"] for name in ("bayes", "tree", "adaptive")} == {"ok"}
    assert harness.predictions[-1]["prediction"] is False
    harness.snapshot()

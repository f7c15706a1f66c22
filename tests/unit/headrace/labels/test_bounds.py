"""Bounds in count and in bytes: the oldest gives way, what is settled before labels, those before events."""

from __future__ import annotations

import random
import tracemalloc

from headrace.labels.outcomes import Waiter
from headrace.labels.waiting import Waiting
from schemas.results import Answer
from tests.labelling import Driven, declared, waiter

NAMES = (
    "month",
    "day",
    "dep_time",
    "dep_delay",
    "distance",
    "air_temp",
    "wind_speed",
    "humidity",
    "seats",
    "hour",
)


def test_the_oldest_event_gives_way_and_teaches_nothing() -> None:
    driven = Driven(max_waiting=2, expire="negative", corrections="relearn")
    driven.event("a")
    driven.event("b")

    (evicted,) = driven.event("c")

    assert (evicted.state, evicted.event_id, evicted.reason) == ("expired", "a", "evicted")
    assert (evicted.waiter, evicted.label) == (None, None)
    assert driven.waiting.pending == 2
    (late,) = driven.label("a", True)
    assert (late.state, late.reason) == ("orphan_expired", "event_expired")


def test_the_oldest_label_without_event_gives_way() -> None:
    driven = Driven(max_waiting=1)
    driven.event("waits")
    driven.label("a", True)

    kept, evicted = driven.label("b", False)

    assert (kept.state, kept.event_id) == ("orphan_kept", "b")
    assert (evicted.state, evicted.event_id, evicted.reason) == ("orphan_expired", "a", "evicted")
    assert driven.waiting.pending == 1, "labels for ids that nobody knows push no event out"


def test_bytes_are_bounded_too_and_what_is_settled_gives_way_first() -> None:
    driven = Driven(max_bytes=65_536)
    driven.event("waits")
    for i in range(1000):
        driven.event(f"joined {i}")
        driven.label(f"joined {i}", True)
    assert driven.waiting.counts["evicted"] == 0
    assert driven.waiting.counts["forgotten"] > 100
    assert driven.waiting.pending == 1

    for i in range(1000):
        driven.event(f"waits {i}")

    assert 50_000 < driven.waiting.size_bytes <= 65_536
    assert driven.waiting.counts["evicted"] + driven.waiting.pending == 1001
    assert driven.label("waits", True)[0].state != "joined", "the oldest went first"
    assert driven.label("waits 999", True)[0].state == "joined"


def test_an_event_too_big_for_the_bound_is_told_of_at_once() -> None:
    driven = Driven(max_bytes=65_536)

    (evicted,) = driven.waiting.add("e", waiter(0, text="x" * 70_000), 0.0)

    assert (evicted.state, evicted.reason, driven.waiting.pending) == ("expired", "evicted", 0)
    assert driven.waiting.size_bytes < 1000


def test_events_of_many_shapes_are_held() -> None:
    driven = Driven()
    waiters = [waiter(i, **{f"f{i % 100}": 1.0, f"g{i % 7}": i}) for i in range(300)]
    for i, each in enumerate(waiters):
        driven.waiting.add(i, each, 0.0)

    assert [driven.waiting.label(i, True, 0, 0.0)[0].waiter for i in range(300)] == waiters


def test_an_event_of_ten_numbers_takes_less_than_500_bytes() -> None:
    n, chance = 20_000, random.Random(1)
    waiting = Waiting(declared(wait_s=86_400))
    rows = [{name: chance.random() for name in NAMES} for _ in range(n)]
    tracemalloc.start()
    try:
        for i, x in enumerate(rows):
            p = i / n
            answer = Answer(p > 0.5, {"true": p, "false": 1 - p})
            waiting.add(f"flight-{i:012d}", Waiter(x, answer, i, 10_000_000 + i, b"AA-123"), 1.7e9 + i)
        taken = tracemalloc.get_traced_memory()[0] / n
    finally:
        tracemalloc.stop()

    assert taken < 500
    assert 0.5 * taken < waiting.size_bytes / n < 1.2 * taken, "what counts for max_bytes is near the truth"

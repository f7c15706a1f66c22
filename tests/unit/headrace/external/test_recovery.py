"""Whatever is captured, fails to be written or is restored on the way: what waits is undisturbed."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import SnapshotError
from headrace.labels.capture import LabelsCapture
from tests.outside import DEADLINE_S, Waits, says
from tests.snapshotting import Shelf, chain

OPTIONS: dict[str, Any] = {"quorum": 2, "workers": 3, "max_waiting": 20}
NAMES = ("ext", "other")
OF_AN_ANSWER = {"taken", "duplicate", "late", "unknown", "invalid"}

Call = tuple[str, str, str | None, Any, float]
"""Event id, step, worker (``None``: an event), what it says, time."""


def calls(n: int, chance: random.Random) -> list[Call]:
    made, time_s = [], 0.0
    for _ in range(n):
        time_s += chance.choices([0.0, 0.5, DEADLINE_S], [0.5, 0.48, 0.02])[0]
        worker = chance.choice([None, "w1", "w2", "w3"])
        made.append((f"e{chance.randrange(30)}", chance.choice(NAMES), worker, chance.choice("abx"), time_s))
    return made


def take(waits: Waits, call: Call) -> list[Any]:
    event_id, step, worker, said, time_s = call
    told = waits.time(time_s)
    if worker is not None:
        return told + waits.reply(event_id, says(said, worker, "broken" if said == "x" else None), step)
    if waits.pending.waits(event_id):
        return [*told, *waits.pending.refuse(step, event_id, waits._next(), "event_waits")]
    return told + waits.event(event_id, time_s)


class Disturbed:
    """Takes calls, and between them captures, fails to write, and crashes, as the given chance says."""

    def __init__(self, log: list[Call], chance: random.Random) -> None:
        self.log, self.chance = log, chance
        self.waits, self.shelf = Waits(*NAMES, **OPTIONS), Shelf()
        self.open: LabelsCapture | None = None
        self.told: dict[int, list[Any]] = {}

    def run(self) -> None:
        while self.waits.next_offset < len(self.log):
            self.chance.choices([self.go_on, self.capture, self.crash], [6, 5, 0.4])[0]()

    def go_on(self) -> None:
        offset = self.waits.next_offset
        told = take(self.waits, self.log[offset])
        assert self.told.setdefault(offset, told) == told, "a duplicate is equal"

    def capture(self) -> None:
        if self.open is None:
            self.open = self.waits.pending.capture(self.waits.next_offset, 7)
        elif self.open.advance(self.chance.choice([0.0, 0.00002, 0.001])):
            self.shelf.store(self.open, written=self.chance.random() < 0.7)
            self.open = None

    def crash(self) -> None:
        self.open, self.waits = None, Waits(*NAMES, **OPTIONS)
        if self.shelf.last is not None:
            assert self.waits.pending.restore(chain(self.shelf.last), self.shelf.last.next_offset) == 7
            self.waits.next_offset = self.shelf.last.next_offset


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 300))
def test_disturbed_and_undisturbed_runs_are_equal(seed: int, n: int) -> None:
    chance = random.Random(seed)
    log = calls(n, chance)
    calm = Waits(*NAMES, **OPTIONS)
    told = {offset: take(calm, call) for offset, call in enumerate(log)}

    disturbed = Disturbed(log, chance)
    disturbed.run()

    assert disturbed.told == told
    assert disturbed.waits.pending.digest() == calm.pending.digest()
    assert disturbed.waits.pending.counts == calm.pending.counts
    assert disturbed.waits.pending.size_bytes == calm.pending.size_bytes


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 300))
def test_each_answer_and_each_task_ends_once(seed: int, n: int) -> None:
    waits, log = Waits(*NAMES, **OPTIONS), calls(n, random.Random(seed))
    told = [take(waits, call) for call in log]
    told.append(waits.time(1e12))

    answers = [sum(o.state in OF_AN_ANSWER for o in said) for said in told]
    tasks = Counter((o.event_offset, o.step) for said in told for o in said if o.state not in OF_AN_ANSWER)

    assert answers == [int(worker is not None) for _, _, worker, _, _ in log] + [0]
    assert set(tasks.values()) <= {1}
    assert sum(tasks.values()) == sum(
        1 if worker is None and said and said[-1].reason == "event_waits" else 2 * (worker is None)
        for (_, _, worker, _, _), said in zip(log, told, strict=False)
    )
    assert len({event.offset for event in waits.done}) == len(waits.done)


def test_a_snapshot_of_another_declaration_is_refused() -> None:
    waits, shelf = Waits(), Shelf()
    waits.event("a")
    shelf.finish(waits.pending.capture(1, 7, whole=True))
    assert shelf.last is not None

    with pytest.raises(SnapshotError, match="external steps"):
        Waits(quorum=2).pending.restore(chain(shelf.last), 1)


def test_a_reply_is_kept_by_a_snapshot_that_only_adds_to_others() -> None:
    waits, shelf = Waits(quorum=2), Shelf()
    for i in range(100):
        waits.event(f"e{i}")
    shelf.finish(waits.pending.capture(waits.next_offset, 7))
    waits.reply("e50", says(True, "w1"))
    shelf.finish(waits.pending.capture(waits.next_offset, 7))
    assert shelf.last is not None
    assert shelf.last.reaches_back

    other = Waits(quorum=2)
    other.pending.restore(chain(shelf.last), waits.next_offset)

    assert other.pending.digest() == waits.pending.digest()
    assert [o.state for o in other.reply("e50", says(True, "w2"))] == ["taken", "answered"]

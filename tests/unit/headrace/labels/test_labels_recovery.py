"""Whatever is captured, fails to be written or is restored on the way: what waits is undisturbed."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import SnapshotError
from headrace.keyed.entry import GROUPS
from headrace.labels.capture import LabelsCapture
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from tests.labelling import WAIT_S, Call, Driven, shown
from tests.snapshotting import Shelf, chain


def calls(n: int, chance: random.Random, n_ids: int) -> list[Call]:
    """Return events and labels, early, late, twice or never; time goes on in small and big steps."""
    made, time_s = [], 0.0
    for _ in range(n):
        time_s += chance.choices([0.0, 0.5, WAIT_S], [0.5, 0.49, 0.01])[0]
        event_id = f"e{int(n_ids * chance.random())}"
        made.append(Call(event_id, chance.choice([None, None, True, False]), time_s))
    return made


class Disturbed:
    """Takes calls, and between them does what the given chance says."""

    def __init__(self, options: dict[str, Any], log: list[Call], chance: random.Random) -> None:
        self.options, self.log, self.chance = options, log, chance
        self.driven, self.shelf = Driven(**options), Shelf()
        self.open: list[LabelsCapture] = []
        self.told: dict[int, list[Any]] = {}

    def run(self) -> None:
        while self.driven.next_offset < len(self.log):
            acts = [self.go_on, self.begin, self.advance, self.settle, self.crash]
            self.chance.choices(acts, [6, 2, 3, 3, 0.4])[0]()

    def go_on(self) -> None:
        for _ in range(self.chance.randint(1, 9)):
            offset = self.driven.next_offset
            if offset < len(self.log):
                told = [*shown(self.driven.take(self.log[offset]))]
                assert self.told.setdefault(offset, told) == told, "a duplicate is equal"

    def begin(self) -> None:
        if not self.open or self.chance.random() < 0.2:
            self.open = [capture for capture in self.open if capture.advance(0.0)]
            whole = self.chance.random() < 0.05
            self.open.append(self.driven.waiting.capture(self.driven.next_offset, 7, whole=whole))

    def advance(self) -> None:
        if self.open:
            self.open[-1].advance(self.chance.choice([0.0, 0.00002, 0.001]))

    def settle(self) -> None:
        if self.open:
            capture = self.open.pop(0)
            if capture.advance(0.0005):
                self.shelf.store(capture, written=self.chance.random() < 0.7)
            else:
                capture.close(written=False)

    def crash(self) -> None:
        self.open.clear()
        self.driven = restored(self.shelf, self.options)


def restored(shelf: Shelf, options: dict[str, Any]) -> Driven:
    driven = Driven(**options)
    if shelf.last is not None:
        assert driven.waiting.restore(chain(shelf.last), shelf.last.next_offset) == 7
        driven.next_offset = shelf.last.next_offset
    return driven


OPTIONS = {
    "plain": {},
    "relearning": {"corrections": "relearn", "expire": "negative"},
    "few": {"max_waiting": 5},
    "few, relearning": {"max_waiting": 20, "corrections": "relearn", "expire": True},
    "little memory": {"max_bytes": 65_536, "corrections": "relearn"},
}


@pytest.mark.parametrize("name", OPTIONS)
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400), st.sampled_from([3, 20, 400]))
def test_disturbed_and_undisturbed_runs_are_equal(name: str, seed: int, n: int, n_ids: int) -> None:
    chance = random.Random(seed)
    log = calls(n, chance, n_ids)
    calm = Driven(**OPTIONS[name])
    told = {offset: [*shown(calm.take(call))] for offset, call in enumerate(log)}

    disturbed = Disturbed(OPTIONS[name], log, chance)
    disturbed.run()

    assert disturbed.told == told
    after = disturbed.driven.waiting
    assert after.digest() == calm.waiting.digest()
    assert after.counts == calm.waiting.counts
    assert after.size_bytes == calm.waiting.size_bytes
    assert after.delay_s(0.9) == calm.waiting.delay_s(0.9)


def test_a_long_chain_restores_at_any_link_and_only_changes_are_written() -> None:
    driven, shelf, sizes, reaches = Driven(), Shelf(), [], []
    for i in range(3200):
        driven.event(f"held {i}", 1.0)
    for i in range(4 * GROUPS):
        driven.event(f"new {i}", 2.0)
        driven.label(f"held {i}", True, 2.0)
        capture = driven.waiting.capture(driven.next_offset, 7)
        shelf.finish(capture)
        sizes.append(capture.link.weights[0])
        reaches.append(capture.reaches_back)
        if i % 10 == 0:
            assert restored(shelf, {}).waiting.digest() == driven.waiting.digest()

    assert sizes[0] == 3201
    assert max(sizes[1:]) < 2 + 2 * 3300 / GROUPS, "changes, and one group of the others"
    assert max(reaches) == GROUPS - 1


def test_bytes_are_those_of_the_offset_however_labels_go_on() -> None:
    driven, shelf = Driven(), Shelf()
    for i in range(3000):
        driven.event(f"e{i}")
    before = driven.waiting.digest()
    capture = driven.waiting.capture(driven.next_offset, 7, whole=True)

    n = 0
    while not capture.advance(0.0001):
        driven.label(f"e{n * 7 % 3000}", True)
        driven.event(f"more {n}")
        driven.label(f"more {n}", False)
        n += 1
    shelf.store(capture)

    assert n > 1
    assert restored(shelf, {}).waiting.digest() == before != driven.waiting.digest()


def test_more_changes_than_are_noted_make_the_next_snapshot_whole() -> None:
    driven, shelf = Driven(max_waiting=50), Shelf()
    for i in range(2000):
        driven.event(f"e{i}")
        if i % 400 == 0:
            shelf.finish(driven.waiting.capture(driven.next_offset, 7))
            assert shelf.last is not None
            assert shelf.last.reaches_back == 0
            assert restored(shelf, {"max_waiting": 50}).waiting.digest() == driven.waiting.digest()


def test_a_second_capture_ends_the_first() -> None:
    driven = Driven()
    driven.event("e")
    first = driven.waiting.capture(1, 7)
    driven.waiting.capture(1, 7)

    with pytest.raises(SnapshotError) as caught:
        first.advance(1.0)

    assert caught.value.reason == "superseded"


def test_a_chain_with_a_link_missing_is_refused() -> None:
    driven, shelf = Driven(), Shelf()
    for i in range(300):
        driven.event(f"e{i}")
        if i % 30 == 0:
            shelf.finish(driven.waiting.capture(driven.next_offset, 7))
    assert shelf.last is not None
    fresh = Driven()
    before = fresh.waiting.digest()

    with pytest.raises(SnapshotError, match="missing") as caught:
        fresh.waiting.restore(chain(shelf.last)[1:], 300)

    assert caught.value.reason == "incomplete"
    assert fresh.waiting.digest() == before


@pytest.mark.parametrize(
    "options",
    [{"wait_s": 99}, {"corrections": "relearn"}, {"expire": "negative"}, {"max_waiting": 3}],
    ids=str,
)
def test_a_state_of_another_declaration_is_refused(options: dict[str, Any]) -> None:
    driven, shelf = Driven(), Shelf()
    driven.event("e")
    shelf.finish(driven.waiting.capture(1, 7))
    assert shelf.last is not None

    with pytest.raises(SnapshotError, match="version") as caught:
        Driven(**options).waiting.restore(chain(shelf.last), 1)

    assert caught.value.reason == "labels"


@pytest.mark.parametrize("body", [None, {}, {"step": 1, "models": {}}, [1, 2]], ids=str)
def test_what_is_no_state_of_labels_is_refused(body: Any) -> None:
    with pytest.raises(SnapshotError) as caught:
        Driven().waiting.restore([body], 1)

    assert caught.value.reason == "state"


def test_a_part_that_cannot_be_read_is_refused() -> None:
    driven = Driven()
    driven.event("e")
    capture = driven.waiting.capture(1, 7)
    assert capture.advance(1.0)
    body = pickling.loads(capture.body(), Allowed())
    body["parts"] = (body["parts"][0][:-5],)

    with pytest.raises(SnapshotError) as caught:
        Driven().waiting.restore([body], 1)

    assert caught.value.reason == "state"

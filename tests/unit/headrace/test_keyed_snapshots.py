"""What a snapshot of models by key holds: what changed and a share of the rest, and how little it takes."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

import pytest
from river import base

from headrace.errors import SnapshotError
from headrace.fold import Fold
from headrace.keyed import chain
from headrace.keyed.entry import GROUPS
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from tests.folding import Kept, Out, declare, events, log
from tests.snapshotting import Shelf, Snapshot, restore

PIPELINE = declare(scope="key", max_keys=500)


class Keys:
    """A fold of one event after the other, each of a key that the test names."""

    def __init__(self, pipeline: Any = PIPELINE) -> None:
        self.fold, self.out, self.shelf = Fold(pipeline, "t.events", 3), Out(), Shelf()
        self._events = events(5000)

    def use(self, *keys: int) -> None:
        for key in keys:
            offset = self.fold.next_offset
            (record,) = log([self._events[offset]])
            record = Kept(offset, record.value, b"key-%d" % key)
            self.fold.step_chunk([record], self.out.emit, self.out.refuse)


def state_of(snapshot: Snapshot) -> chain.State:
    return chain.state_of(pickling.loads(snapshot.body, Allowed()))


def n_written(snapshot: Snapshot) -> int:
    return state_of(snapshot).weights[0]


@pytest.fixture
def keys() -> Keys:
    """A fold that holds 320 keys, all written."""
    made = Keys()
    made.use(*range(320))
    made.shelf.take(made.fold)
    return made


def test_the_first_snapshot_holds_all_and_needs_no_other(keys: Keys) -> None:
    assert keys.shelf.last is not None
    assert n_written(keys.shelf.last) == 320
    assert keys.shelf.last.reaches_back == 0


def test_a_snapshot_holds_the_keys_used_since_and_one_group_of_the_others(keys: Keys) -> None:
    sizes = []
    for _ in range(GROUPS):
        keys.use(1, 2, 3, 2)
        sizes.append(n_written(keys.shelf.take(keys.fold)))

    assert max(sizes) < 3 + 3 * 320 // GROUPS, "a group is about its share, the hash being what it is"
    assert 320 + 2 * GROUPS <= sum(sizes) <= 320 + 3 * GROUPS, "each of the others once"


def test_a_snapshot_says_how_far_back_a_restore_has_to_go(keys: Keys) -> None:
    reaches = []
    for i in range(GROUPS + 5):
        keys.use(i)
        reaches.append(keys.shelf.take(keys.fold).reaches_back)

    assert reaches == [*range(1, GROUPS), *[GROUPS - 1] * 6]
    assert keys.fold.reach >= max(reaches) + 1


def test_what_was_not_written_comes_again(keys: Keys) -> None:
    keys.use(1, 2, 3)
    failed = keys.fold.capture()
    keys.shelf.finish(failed, written=False)
    keys.use(4)

    snapshot = keys.shelf.take(keys.fold)

    assert snapshot.reaches_back == 1
    restored = Fold(PIPELINE, "t.events", 3)
    restore(restored, snapshot)
    assert restored.digest() == keys.fold.digest()


@pytest.mark.parametrize("written", [True, False], ids=["written", "failed"])
def test_a_snapshot_begun_before_it_is_known_if_the_last_one_is_stored(keys: Keys, *, written: bool) -> None:
    for i in range(GROUPS + 3):
        keys.use(i)
        keys.shelf.take(keys.fold)
    keys.use(50)
    last = keys.fold.capture()
    assert last.advance(1.0)
    keys.use(60)
    newest = keys.fold.capture()
    assert newest.advance(1.0)

    keys.shelf.store(last, written=written)
    keys.shelf.store(newest)

    assert keys.shelf.last is not None
    restored = Fold(PIPELINE, "t.events", 3)
    restore(restored, keys.shelf.last)
    assert restored.digest() == keys.fold.digest()


def test_a_whole_snapshot_needs_no_other(keys: Keys) -> None:
    keys.use(1)
    keys.shelf.take(keys.fold)
    keys.use(2)

    whole = keys.shelf.take(keys.fold, whole=True)
    keys.use(3)
    after = keys.shelf.take(keys.fold)

    assert (whole.reaches_back, n_written(whole)) == (0, 320)
    assert after.reaches_back == 1
    restored = Fold(PIPELINE, "t.events", 3)
    restore(restored, whole)
    restore(restored, after)
    assert restored.digest() == keys.fold.digest()


def test_where_most_keys_change_a_restore_reads_few_snapshots(keys: Keys) -> None:
    reaches = []
    for _ in range(10):
        keys.use(*range(200))
        reaches.append(keys.shelf.take(keys.fold).reaches_back)

    assert max(reaches) < 6
    assert 0 in reaches


def test_bytes_are_those_of_the_offset_however_the_fold_goes_on(keys: Keys) -> None:
    keys.use(*range(300, 600))  # some of them will have given way
    still = Fold(PIPELINE, "t.events", 3)
    restore(still, Shelf().take(keys.fold, whole=True))
    capture = keys.fold.capture(whole=True)

    while not capture.advance(0.0002):
        keys.use(random.Random(keys.fold.next_offset).randrange(1500))
    keys.shelf.store(capture)

    assert keys.fold.next_offset > still.next_offset
    assert keys.shelf.last is not None
    restored = Fold(PIPELINE, "t.events", 3)
    restore(restored, keys.shelf.last)
    assert restored.digest() == still.digest()


def test_after_the_decision_to_adopt_models_a_snapshot_is_whole(keys: Keys) -> None:
    pinned = keys.shelf.take(keys.fold, whole=True)
    keys.use(*range(150, 450))
    keys.shelf.take(keys.fold)
    step, offset = keys.fold.step, keys.fold.next_offset

    keys.fold.adopt_models([pickling.loads(pinned.body, Allowed())])
    keys.use(1)

    assert (keys.fold.step, keys.fold.next_offset) == (step + 1, offset + 1)
    assert keys.fold.keys_held == 320
    snapshot = keys.shelf.take(keys.fold)
    assert (snapshot.reaches_back, n_written(snapshot)) == (0, 320)


def test_adopted_models_are_those_of_the_snapshot(keys: Keys) -> None:
    other = Keys()
    other.use(*range(350))
    expected = Fold(PIPELINE, "t.events", 3)
    snapshot = keys.shelf.last
    assert snapshot is not None
    restore(expected, snapshot)

    other.fold.adopt_models([pickling.loads(snapshot.body, Allowed())])

    other.fold.step = expected.step
    assert other.fold.digest() == expected.digest()


def test_a_second_capture_ends_the_first(keys: Keys) -> None:
    first = keys.fold.capture(whole=True)
    first.advance(0.0)
    second = keys.fold.capture(whole=True)

    with pytest.raises(SnapshotError) as caught:
        first.advance(1.0)
    keys.shelf.finish(second)

    assert caught.value.reason == "superseded"
    assert keys.shelf.last is not None
    assert n_written(keys.shelf.last) == 320


class Stubborn(base.Classifier):
    """Cannot be pickled once it has learned."""

    def __init__(self) -> None:
        self.held: Any = None

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.held = lambda: y

    def predict_one(self, x: dict[Any, Any]) -> bool:
        return True


def test_models_that_cannot_be_pickled_fail_the_capture_and_not_the_fold() -> None:
    keys = Keys(declare(Stubborn, scope="key"))
    keys.use(1, 2)
    by_advance = keys.fold.capture()
    with pytest.raises(SnapshotError, match="cannot be pickled"):
        by_advance.advance(1.0)
    by_advance.close(written=False)

    by_change = keys.fold.capture()
    keys.use(1)  # it is pickled before it changes, and that fails
    with pytest.raises(SnapshotError, match="cannot be pickled"):
        by_change.advance(1.0)
    by_change.close(written=False)

    keys.use(2)
    assert len(keys.out.results) == 4
    assert not [r for r in keys.out.results if "error" in r]


def test_a_state_of_another_bound_is_refused(keys: Keys) -> None:
    assert keys.shelf.last is not None
    other = Fold(declare(scope="key", max_keys=499), "t.events", 3)

    with pytest.raises(SnapshotError, match="max_keys=500") as caught:
        restore(other, keys.shelf.last)

    assert caught.value.reason == "max_keys"
    assert other.keys_held == 0


@pytest.mark.parametrize("body", [None, {}, {"step": 1, "models": {}}, [1, 2]], ids=str)
def test_what_is_no_state_by_key_is_refused(keys: Keys, body: Any) -> None:
    before = keys.fold.digest()

    with pytest.raises(SnapshotError) as caught:
        keys.fold.restore(9, [body])

    assert caught.value.reason == "state"
    assert (keys.fold.digest(), keys.fold.next_offset) == (before, 320)


@pytest.mark.parametrize("break_it", [lambda part: part[:-5], lambda part: b"x" + part], ids=["cut", "torn"])
def test_a_part_that_cannot_be_read_is_refused(keys: Keys, break_it: Any) -> None:
    assert keys.shelf.last is not None
    body = pickling.loads(keys.shelf.last.body, Allowed())
    body["parts"] = tuple(break_it(part) for part in body["parts"])
    fresh = Fold(PIPELINE, "t.events", 3)

    with pytest.raises(SnapshotError) as caught:
        fresh.restore(320, [body])

    assert caught.value.reason == "state"


def test_a_capture_takes_little_memory() -> None:
    keys = Keys(declare(scope="key"))
    keys.use(*range(2000))
    keys.shelf.take(keys.fold)
    keys.use(*range(2000, 2010))
    tracemalloc.start()
    try:
        capture = keys.fold.capture(whole=True)
        before = tracemalloc.get_traced_memory()[0]
        while not capture.advance(0.0001):
            pass
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()

    size = len(capture.body())
    assert peak < 2 * size + 1_000_000, "compressed parts, and one that is not yet"
    assert 2 * size + 1_000_000 < 2010 * 1000, "each key alone takes over a kilobyte"

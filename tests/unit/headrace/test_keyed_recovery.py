"""Whatever is captured, fails to be written or is restored on the way: the results are undisturbed."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import naive_bayes, tree

from headrace import Pipeline
from headrace.errors import SnapshotError
from headrace.fold import Capture, Fold
from tests.folding import Kept, Out, declare, linear, log
from tests.snapshotting import Shelf, chain, restore


def several() -> dict[str, Callable[[], Any]]:
    return {
        "tree": lambda: tree.HoeffdingAdaptiveTreeClassifier(grace_period=5, seed=7),
        "bayes": naive_bayes.GaussianNB,
        "linear": linear,
    }


PIPELINES = {
    "one model": declare(scope="key", max_keys=5),
    "several": declare(several(), scope="key", max_keys=3),
    "no eviction": declare(scope="key"),
    "partition": declare(),
    "partition, several": declare(several()),
}


def keyed_log(n: int, chance: random.Random, n_keys: int) -> list[Kept]:
    """Return a log with keys that come and go, bad records, tombstones, missing labels and keys."""
    values: list[Any] = []
    for i in range(n):
        row = {"id": f"e{i}", "a": chance.gauss(0, 1), "b": chance.random(), "y": chance.random() < 0.5}
        if chance.random() < 0.1:
            del row["y"]
        values.append(chance.choices([row, None, b"{"], [0.94, 0.03, 0.03])[0])
    keys = [None if chance.random() < 0.02 else b"k%d" % int(n_keys * chance.random() ** 2) for _ in range(n)]
    return [record._replace(key=key) for record, key in zip(log(values), keys, strict=True)]


class Disturbed:
    """Folds a log in pieces, and between them does what the given chance says."""

    def __init__(self, pipeline: Pipeline, records: list[Kept], chance: random.Random) -> None:
        self.pipeline, self.records, self.chance = pipeline, records, chance
        self.fold = Fold(pipeline, "t.events", 3)
        self.shelf = Shelf()
        self.open: list[Capture] = []
        self.results: dict[str, tuple[bytes | None, bytes]] = {}

    def run(self) -> None:
        while self.fold.next_offset < len(self.records):
            self.chance.choices(
                [self.go_on, self.begin, self.advance, self.settle, self.crash], [6, 2, 3, 3, 0.4]
            )[0]()

    def go_on(self) -> None:
        first = self.fold.next_offset
        self.fold.step_chunk(self.records[first : first + self.chance.randint(1, 9)], self.keep, self.keep)

    def keep(self, result_id: str, key: bytes | None, value: bytes, _: object) -> None:
        assert self.results.setdefault(result_id, (key, value)) == (key, value), "a duplicate is equal"

    def begin(self) -> None:
        if not self.open or self.chance.random() < 0.2:  # the last one on revocation does not wait
            self.open = [capture for capture in self.open if capture.advance(0.0)]
            whole, at_once = self.chance.random() < 0.05, self.chance.random() < 0.9
            self.open.append(self.fold.capture(whole=whole, at_once=at_once))

    def advance(self) -> None:
        if self.open:
            self.open[-1].advance(self.chance.choice([0.0, 0.00005, 0.001]))

    def settle(self) -> None:
        if not self.open:
            return
        capture = self.open.pop(0)
        if capture.advance(0.0005):
            self.shelf.store(capture, written=self.chance.random() < 0.7)
        else:
            capture.close(written=False)

    def crash(self) -> None:
        self.open.clear()
        self.fold = Fold(self.pipeline, "t.events", 3)
        if self.shelf.last is not None:
            restore(self.fold, self.shelf.last)


@pytest.mark.parametrize("name", PIPELINES)
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200), st.sampled_from([1, 4, 9, 40]))
def test_disturbed_and_undisturbed_runs_are_equal(name: str, seed: int, n: int, n_keys: int) -> None:
    chance = random.Random(seed)
    records = keyed_log(n, chance, n_keys)
    calm, out = Fold(PIPELINES[name], "t.events", 3), Out()
    calm.step_chunk(records, out.emit, out.refuse)

    disturbed = Disturbed(PIPELINES[name], records, chance)
    disturbed.run()

    assert disturbed.results == {result_id: (key, value) for result_id, key, value in out.raw}
    assert disturbed.fold.digest() == calm.digest()
    assert disturbed.fold.step == calm.step
    assert disturbed.fold.keys_held == calm.keys_held


def test_a_long_chain_restores_at_any_link() -> None:
    """Far more snapshots than a restore needs, most of them small: the refresh comes round several times."""
    chance = random.Random(5)
    pipeline = declare(scope="key", max_keys=40)
    records = keyed_log(900, chance, 90)
    fold, out, shelf = Fold(pipeline, "t.events", 3), Out(), Shelf()
    reaches = []
    for start in range(0, len(records), 6):
        fold.step_chunk(records[start : start + 6], out.emit, out.refuse)
        snapshot = shelf.take(fold)
        reaches.append(snapshot.reaches_back)
        if chance.random() < 0.3:
            restored = Fold(pipeline, "t.events", 3)
            restore(restored, snapshot)
            assert restored.digest() == fold.digest()
            fold = restored

    assert fold.keys_held == 40
    assert 10 < max(reaches) < fold.reach


def test_a_chain_with_a_link_missing_is_refused() -> None:
    chance = random.Random(6)
    pipeline = declare(scope="key")
    records = keyed_log(900, chance, 200)
    fold, shelf = Fold(pipeline, "t.events", 3), Shelf()
    for start in range(0, len(records), 30):
        fold.step_chunk(records[start : start + 30], _ignore, _ignore)
        shelf.take(fold, whole=start == 300)
    assert shelf.last is not None
    states = chain(shelf.last)
    assert len(states) > 2

    fresh = Fold(pipeline, "t.events", 3)
    before = fresh.digest()
    with pytest.raises(SnapshotError, match="missing") as caught:
        fresh.restore(shelf.last.next_offset, states[1:])

    assert caught.value.reason == "incomplete"
    assert (fresh.digest(), fresh.next_offset, fresh.step) == (before, 0, 0)


def _ignore(*_: object) -> None:
    """Publish nothing."""

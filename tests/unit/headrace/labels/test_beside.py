"""Models and what waits are written as one, and come back as they were at one offset."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.errors import SnapshotError
from headrace.fold import Fold
from headrace.labels.beside import BesideCapture, split
from headrace.snapshots.allowed import Allowed
from tests.folding import Kept, declare, events, log
from tests.labelling import Driven
from tests.snapshotting import Shelf, chain


def step(fold: Fold, driven: Driven, records: list[Kept]) -> None:
    for record in records:
        fold.step_chunk([record])
        driven.event(f"e{record.offset}", float(record.offset))
        driven.waiting.label(f"e{record.offset - 20}", True, record.offset, float(record.offset))


@pytest.mark.parametrize("scope", ["partition", "key"])
def test_both_come_back_as_they_were(scope: Any) -> None:
    pipeline = declare(scope=scope)
    fold, driven, shelf = Fold(pipeline, "t.events", 3), Driven(), Shelf()
    records = log(events(300))
    for start in range(0, 300, 30):
        step(fold, driven, records[start : start + 30])
        models = fold.capture(at_once=True)
        shelf.finish(BesideCapture(models, driven.waiting.capture(fold.next_offset, fold.step)))
    assert shelf.last is not None
    assert shelf.last.reaches_back > 0, "what waits is written in changes"

    of_models, of_labels = split(chain(shelf.last), Allowed())
    again, waiting = Fold(pipeline, "t.events", 3), Driven().waiting
    again.restore(shelf.last.next_offset, of_models)
    waiting.restore(of_labels, shelf.last.next_offset)

    assert again.digest() == fold.digest()
    assert waiting.digest() == driven.waiting.digest()


def test_a_snapshot_without_labels_is_refused() -> None:
    fold, shelf = Fold(declare(), "t.events", 3), Shelf()
    shelf.finish(fold.capture(at_once=True))
    assert shelf.last is not None

    with pytest.raises(SnapshotError, match="come later") as caught:
        split(chain(shelf.last), Allowed())

    assert caught.value.reason == "state"

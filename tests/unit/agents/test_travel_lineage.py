"""Which records a state has seen, after rollbacks and unlearnings in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agents.travel import history, lineage
from agents.travel.past import Past, Snapshot
from headrace.errors import LostRecordsError, SnapshotError
from schemas.decisions import Decision, Epoch, Refused
from schemas.snapshots import SnapshotHeader
from streams.decisions import Timeline, encode


def header(next_offset: int, decision: int = -1, **facts: Any) -> SnapshotHeader:
    given: dict[str, Any] = {"epoch": 0, "sequence": next_offset} | facts
    return SnapshotHeader(
        pipeline="p",
        version=1,
        models={},
        topic="t",
        partition=0,
        next_offset=next_offset,
        step=next_offset,
        river="r",
        python="3",
        headrace="0",
        decision=decision,
        **given,
    )


def snapshot(slot: str, next_offset: int, decision: int = -1, **facts: Any) -> Snapshot:
    return Snapshot(slot, header(next_offset, decision, **facts), slot.encode())


def past(
    snapshots: Sequence[Snapshot], *records: Epoch | Decision | Refused, start: int = 0, end: int = 1_000
) -> Past:
    """Return a partition whose decisions topic holds an epoch and *records*."""
    journal = [(i, encode(r)) for i, r in enumerate([Epoch("p", 0, 0, "w"), *records])]
    timeline = Timeline()
    timeline.read(journal)
    return Past(0, start, end, end, timeline, journal, list(snapshots), [])


def rollback(at: int, slot: str) -> Decision:
    return Decision(slot, 0, at, "rollback", slot)


def unlearn(at: int, *ranges: tuple[int, int], slot: str = "pin-u") -> Decision:
    return Decision(slot, 0, at, "unlearn", slot, ranges)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], ()),
        ([(3, 2)], ()),
        ([(5, 5), (1, 2)], ((1, 2), (5, 5))),
        ([(1, 2), (3, 4)], ((1, 4),)),
        ([(1, 9), (2, 3), (9, 12)], ((1, 12),)),
    ],
)
def test_ranges_are_sorted_and_joined(ranges: list[tuple[int, int]], expected: Any) -> None:
    assert lineage.merged(ranges) == expected


def test_what_lies_before_an_offset() -> None:
    assert lineage.before(((1, 2), (5, 9), (20, 30)), 7) == ((1, 2), (5, 6))
    assert lineage.before(((1, 2),), 1) == ()


def test_a_rollback_takes_out_what_came_between() -> None:
    found = past([snapshot("pin-r", 300)], rollback(500, "pin-r"))

    assert lineage.unseen(found, -1) == ()
    assert lineage.unseen(found, 1) == ((300, 499),)


def test_unlearnings_add_up() -> None:
    found = past([], unlearn(500, (10, 20)), unlearn(600, (15, 30), (90, 90)))

    assert lineage.unseen(found, 1) == ((10, 20),)
    assert lineage.unseen(found, 2) == ((10, 30), (90, 90))


def test_a_rollback_behind_an_unlearning_brings_the_older_history_back() -> None:
    found = past(
        [snapshot("pin-u", 500), snapshot("pin-r", 300), snapshot("pin-s", 650, decision=1)],
        unlearn(500, (400, 410)),
        rollback(600, "pin-r"),
        rollback(700, "pin-s"),
    )

    assert lineage.unseen(found, 2) == ((300, 599),)
    assert lineage.unseen(found, 3) == ((400, 410), (650, 699))


def test_without_the_pinned_snapshot_it_cannot_be_told() -> None:
    with pytest.raises(SnapshotError, match="the snapshot pin-r that a decision refers to is not there"):
        lineage.unseen(past([], rollback(500, "pin-r")), 1)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (snapshot("keep-0", 400), False),  # before the records
        (snapshot("keep-0", 405), True),
        (snapshot("keep-0", 500), True),
        (snapshot("live-0", 600, decision=1), False),  # after the decision
        (snapshot("pin-u", 500), False),  # what the decision made
    ],
)
def test_a_snapshot_holds_what_was_unlearned_since(one: Snapshot, expected: bool) -> None:
    found = past([one], unlearn(500, (401, 410)))

    assert lineage.holds_unlearned(found, one) is expected


def test_what_a_rollback_had_taken_out_before_is_not_held() -> None:
    after = snapshot("keep-0", 550, decision=1)
    found = past([snapshot("pin-r", 300), after], rollback(500, "pin-r"), unlearn(600, (350, 360)))

    assert not lineage.holds_unlearned(found, after)


def test_the_history_is_in_the_order_of_the_log() -> None:
    kept, live = snapshot("keep-0", 200), snapshot("live-0", 700, decision=2)
    found = past(
        [live, kept, snapshot("pin-r", 200), snapshot("pin-x", 5)],
        rollback(500, "pin-r"),
        unlearn(600, (10, 20), slot="pin-x"),
        Refused("c", 0, "too late"),
        Decision("late", 7, 650, "rollback", "pin-r"),
    )

    told = history.entries(found)

    assert [(e.offset, e.kind) for e in told] == [
        (None, "refused"),
        (0, "owner"),
        (5, "pinned"),
        (200, "kept"),
        (200, "pinned"),
        (500, "rollback"),
        (600, "unlearn"),
        (650, "rollback"),
        (700, "live"),
    ]
    by_kind = {(e.offset, e.kind): e for e in told}
    assert by_kind[500, "rollback"].unseen == ((200, 499),)
    assert by_kind[600, "unlearn"].unseen == ((10, 20), (200, 499))
    assert by_kind[650, "rollback"].fault == "void"
    assert by_kind[200, "kept"].holds_unlearned is True
    assert by_kind[700, "live"].holds_unlearned is False


# Where a fold begins


def test_a_fold_begins_with_the_latest_state_before_it() -> None:
    found = past([snapshot("live-0", 100), snapshot("live-1", 200), snapshot("pin-a", 290)])

    assert (found.origin(250).offset, found.origin(250).blobs) == (200, (b"live-1",))
    assert found.origin(200).snapshot == "0.200.200"
    assert found.origin(99) == (0, -1, (), "")


def test_a_snapshot_that_adds_to_others_brings_them_along() -> None:
    parts = [
        snapshot("live-0", 100, reaches_back=0),
        snapshot("live-1", 200, reaches_back=1, previous="0.100.100"),
        snapshot("live-2", 300, reaches_back=1, previous="0.200.200"),
        snapshot("live-3", 400, reaches_back=1, previous="0.350.350"),
    ]
    found = past(parts)

    assert found.origin(1_000).blobs == (b"live-1", b"live-2")
    assert [s.slot for s in found.usable] == ["live-0", "live-1", "live-2"]


def test_where_records_are_gone_a_state_from_before_does_not_help() -> None:
    found = past([snapshot("live-0", 100), snapshot("live-1", 200)], start=150)

    assert found.origin(200).offset == 200
    with pytest.raises(LostRecordsError, match="has lost records that its models have learned from"):
        found.origin(199)
    assert found.beginning() is None

"""The fold takes each record once, in order, whatever former owners and lost batches leave in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import SnapshotError
from headrace.intake import Placer, Seen
from schemas import Source
from schemas.log import NOTHING


def at(offset: int, partition: int = 0, topic: str = "payments") -> Source:
    return Source(topic, partition, offset)


class Sender:
    """An intake that began at a committed place: it sends in order, and what it loses it never commits."""

    def __init__(self, start: int) -> None:
        self.next = start
        self.is_intact = True
        self.placer = Placer(1)

    def send(self, offsets: list[int], log: list[tuple[int, int]], *, is_lost: bool) -> None:
        if self.next < len(offsets):
            offset = offsets[self.next]
            entry = offset, self.placer.place(offset, 0)
            self.next += 1
            self.is_intact = self.is_intact and not is_lost
            if not is_lost:
                log.append(entry)


def merged(data: Any, offsets: list[int]) -> list[tuple[int, int]]:
    """Return offset and ``after`` of what several senders write, each from what was committed then."""
    log: list[tuple[int, int]] = []
    committed, senders = 0, [Sender(0)]
    for action in data.draw(
        st.lists(st.sampled_from(["begin", "send", "send", "lose", "commit"]), max_size=40)
    ):
        sender = data.draw(st.sampled_from(senders))
        if action == "begin":
            senders.append(Sender(committed))
        elif action == "commit":
            committed = sender.next if sender.is_intact else committed  # an older one may come last, too
        else:
            sender.send(offsets, log, is_lost=action == "lose")
    last = Sender(committed)
    for _ in offsets[committed:]:
        last.send(offsets, log, is_lost=False)
    return log


@given(st.data(), st.lists(st.integers(0, 100), unique=True, max_size=12).map(sorted))
def test_whatever_several_owners_write_is_folded_once_and_in_order(data: Any, offsets: list[int]) -> None:
    seen, folded = Seen(), []
    for offset, after in merged(data, offsets):
        if data.draw(st.booleans()):
            state = json.loads(json.dumps(seen.state()))
            seen = Seen()
            seen.restore(state)
        if seen.accept(at(offset), after):
            folded.append(offset)
    assert folded == offsets


def test_a_record_that_comes_again_is_a_duplicate() -> None:
    seen = Seen()
    assert seen.accept(at(4), NOTHING)
    assert not seen.accept(at(4), NOTHING)
    assert not seen.accept(at(3), NOTHING)
    assert (seen.duplicates, seen.gaps) == (2, 0)


def test_a_record_ahead_of_the_one_it_follows_waits_for_its_owner_to_write_it_again() -> None:
    seen = Seen()
    assert seen.accept(at(4), NOTHING)
    assert not seen.accept(at(9), 7)
    assert seen.accept(at(7), 4)
    assert seen.accept(at(9), 7)
    assert (seen.duplicates, seen.gaps) == (0, 1)


def test_source_partitions_and_topics_do_not_know_of_each_other() -> None:
    seen = Seen()
    assert seen.accept(at(4, partition=0), NOTHING)
    assert seen.accept(at(2, partition=1), NOTHING)
    assert seen.accept(at(3, topic="labels"), NOTHING)
    assert not seen.accept(at(5, partition=1), 4)


def test_a_fold_of_a_whole_log_refuses_a_first_record_that_follows_another() -> None:
    assert not Seen().accept(at(9), 7)


def test_a_fold_that_begins_late_takes_the_first_record_whatever_it_follows_and_no_other() -> None:
    seen = Seen(is_whole=False)
    assert seen.accept(at(9), 7)
    assert not seen.accept(at(13), 11)
    assert not seen.accept(at(7), 4)
    assert seen.accept(at(11), 9)


def test_after_lost_records_the_next_of_each_source_partition_is_taken_once() -> None:
    seen = Seen()
    assert seen.accept(at(4), NOTHING)
    assert seen.accept(at(1, partition=1), NOTHING)
    seen.forgive()
    assert not seen.accept(at(3), NOTHING), "what was folded stays folded"
    assert seen.accept(at(9), 7)
    assert not seen.accept(at(13), 11), "one record is forgiven its gap, not two"
    restored = Seen()
    restored.restore(seen.state())
    assert restored.accept(at(5, partition=1), 3)
    assert restored.accept(at(8, partition=2), 6), "of what was not seen before, records may be lost as well"


def test_a_state_is_plain_and_comes_back_the_same() -> None:
    seen = Seen(is_whole=False)
    seen.accept(at(4), NOTHING)
    seen.accept(at(9, topic="labels"), 3)
    seen.forgive()
    restored = Seen()
    restored.restore(json.loads(json.dumps(seen.state())))
    assert restored.state() == seen.state()


@pytest.mark.parametrize(
    "state", [None, {}, {"is_whole": 1, "highest": []}, {"is_whole": True, "highest": [["a"]]}]
)
def test_what_is_no_state_is_refused_and_changes_nothing(state: Any) -> None:
    seen = Seen()
    seen.accept(at(4), NOTHING)
    with pytest.raises(SnapshotError, match="does not say what was folded"):
        seen.restore(state)
    assert not seen.accept(at(4), NOTHING)


def test_a_placer_names_the_record_before_in_the_same_log_partition() -> None:
    placer = Placer(2)
    assert [placer.place(o, p) for o, p in [(3, 0), (4, 1), (6, 0), (7, 1)]] == [NOTHING, NOTHING, 3, 4]


def test_a_placer_refuses_an_offset_that_comes_again() -> None:
    placer = Placer(1)
    placer.place(3, 0)
    with pytest.raises(ValueError, match="reading went back"):
        placer.place(3, 0)

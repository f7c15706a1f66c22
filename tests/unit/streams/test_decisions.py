"""Epochs decide who may decide, and a snapshot is used only if it holds exactly what was decided."""

from __future__ import annotations

from schemas.decisions import Decision, Epoch, Refused
from streams.decisions import Timeline, encode
from tests.unit.streams.ownership import header


def timeline(*records: Epoch | Decision | Refused, version: int = 0) -> Timeline:
    made = Timeline(version)
    made.read(enumerate(map(encode, records)))
    return made


def epoch(frontier: int, log_start: int = 0, version: int = 0) -> Epoch:
    return Epoch("p", 0, frontier, "w", log_start=log_start, version=version)


def decision(name: str, by: int, at: int) -> Decision:
    return Decision(name, by, at, "rollback", f"pin-{name}")


def test_the_epoch_is_the_offset_of_its_record() -> None:
    assert timeline().epoch == -1
    assert timeline(epoch(0), epoch(10), decision("a", 1, 12), epoch(20)).epoch == 3


def test_a_decision_of_the_owner_counts_and_one_of_an_owner_before_is_void() -> None:
    made = timeline(epoch(0), decision("a", 0, 5), epoch(10), decision("late", 0, 12), decision("b", 2, 11))
    assert [(act.offset, act.decision.id) for act in made.acts] == [(1, "a"), (4, "b")]
    assert made.answered.keys() == {"a", "b"}


def test_a_refusal_answers_and_changes_nothing() -> None:
    made = timeline(epoch(0), Refused("a", 0, "too late"), Refused("b", 7, "not the owner"))
    assert made.answered.keys() == {"a"}
    assert made.acts == []


def test_a_record_that_is_none_of_ours_is_counted_and_passed_over() -> None:
    made = Timeline()
    made.read([(0, b"\xff"), (1, b'{"kind":"news"}'), (2, encode(epoch(3)))])
    assert (made.unreadable, made.epoch, made.next_offset) == (2, 2, 3)


def test_records_read_twice_count_once() -> None:
    made = timeline(epoch(0), decision("a", 0, 5))
    made.read([(1, encode(decision("a", 0, 5)))])
    assert len(made.acts) == 1


def test_a_snapshot_beyond_the_frontier_of_a_later_epoch_is_a_zombies() -> None:
    made = timeline(epoch(0), epoch(10), epoch(30))
    assert made.fault_of(header(epoch=0, next_offset=10)) is None
    assert made.fault_of(header(epoch=0, next_offset=11)) == "zombie"
    assert made.fault_of(header(epoch=1, next_offset=30)) is None
    assert made.fault_of(header(epoch=1, next_offset=31)) == "zombie"
    assert made.fault_of(header(epoch=2, next_offset=99)) is None


def test_a_snapshot_of_an_epoch_that_is_not_known_is_refused() -> None:
    assert timeline(epoch(0)).fault_of(header(epoch=4)) == "unknown_epoch"


def test_a_snapshot_that_went_past_a_decision_without_it_is_refused() -> None:
    made = timeline(epoch(0), decision("a", 0, 5))
    assert made.fault_of(header(epoch=0, next_offset=5)) is None
    assert made.fault_of(header(epoch=0, next_offset=6)) == "missed_decision"
    assert made.fault_of(header(epoch=0, next_offset=6, decision=1)) is None


def test_a_snapshot_that_holds_a_void_decision_is_refused() -> None:
    made = timeline(epoch(0), epoch(10), decision("late", 0, 5))
    assert made.fault_of(header(epoch=0, next_offset=6, decision=2)) == "void_decision"


def test_a_decision_never_acts_before_the_one_before_it() -> None:
    made = timeline(epoch(0), decision("a", 0, 50))
    assert made.place_for(10) == 50
    assert made.place_for(60) == 60
    assert [act.decision.id for act in made.after(-1)] == ["a"]
    assert made.after(1) == []


def test_the_fold_began_where_the_first_owner_found_the_log() -> None:
    assert timeline().log_start is None
    made = timeline(epoch(7, log_start=7), epoch(3, log_start=9))
    assert (made.log_start, made.frontier) == (7, 7)


def test_a_decision_is_that_of_the_version_which_made_it() -> None:
    made = timeline(
        epoch(0), Decision("a", 0, 5, "rollback", "pin-a", version=1), decision("b", 0, 6), version=2
    )
    assert [(act.decision.id, made.is_own(act)) for act in made.acts] == [("a", False), ("b", True)]


def test_what_another_version_unlearned_must_not_be_held() -> None:
    forgets = Decision("a", 0, 50, "unlearn", "pin-a", ((20, 29),), version=1)
    made = timeline(epoch(0), forgets, version=2)
    assert made.forgotten() == [(20, 29)]
    assert made.fault_of(header(epoch=0, next_offset=20)) is None
    assert made.fault_of(header(epoch=0, next_offset=21)) == "holds_unlearned"
    assert made.fault_of(header(epoch=0, next_offset=60, decision=1)) is None
    assert timeline(epoch(0), forgets, version=1).forgotten() == []


def test_the_epochs_in_which_another_version_took_over_are_known() -> None:
    made = timeline(
        epoch(0), epoch(5, version=1), epoch(9, version=1), epoch(20, version=2), epoch(30, version=1)
    )
    assert [(offset, one.frontier, one.version) for offset, one in made.switches] == [(3, 20, 2), (4, 30, 1)]
    assert (made.runs, timeline(epoch(0)).runs, timeline().runs) == (1, 0, 0)

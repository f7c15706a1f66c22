"""Answers from outside: each one, and each task, ends in exactly one state; what waits is bounded."""

from __future__ import annotations

from headrace.external.quorum import answer_of
from headrace.steps.external import External
from schemas.results import Answer
from tests.outside import DEADLINE_S, Waits, parked, says, states


def test_an_answer_lets_its_event_go_on_as_it_was() -> None:
    waits = Waits()
    waits.event("a", 5.0)

    said = waits.reply("a", says(True))

    assert states(said) == [("taken", "a", None), ("answered", "a", None)]
    (event,) = waits.done
    assert (event.event_id, event.offset, event.timestamp_ms, event.event_s) == ("a", 0, 0, 5.0)
    assert (event.x, event.key) == ({"a": 0.0, "lang": "de"}, b"k")
    assert event.answers["linear"] == Answer(True, {"true": 0.75, "false": 0.25})
    assert event.origin is not None
    assert event.origin.topic == "t.events"
    assert (waits.pending.pending, waits.pending.settled) == (0, 1)


def test_a_task_that_nobody_answers_ends_once_the_log_is_past_its_deadline() -> None:
    waits = Waits()
    waits.event("a", 5.0)
    assert waits.time(5.0 + DEADLINE_S) == []

    said = waits.time(5.5 + DEADLINE_S)

    assert states(said) == [("expired", "a", None)]
    assert answer_of(waits.done[0].errands[0], External("t", deadline_s=DEADLINE_S)) == Answer(
        error="no answer within 100 s"
    )


def test_deadlines_end_in_their_order_whatever_came_first() -> None:
    waits = Waits("slow", "fast")
    waits.pending._steps["fast"].wait_s = 1.0
    waits.event("a", 0.0)
    waits.event("b", 0.5)

    said = [(o.state, o.step, o.event_id) for o in waits.time(1_000.0)]

    assert said == [("expired", step, i) for step in ("fast", "slow") for i in ("a", "b")]
    assert [event.event_id for event in waits.done] == ["a", "b"]


def test_an_answer_after_the_deadline_is_late_and_one_for_nobody_is_unknown() -> None:
    waits = Waits()
    waits.event("a")
    waits.time(DEADLINE_S + 1.0)

    assert states(waits.reply("a", says())) == [("late", "a", "expired")]
    assert states(waits.reply("b", says())) == [("unknown", "b", None)]
    assert len(waits.done) == 1


def test_an_answer_for_a_step_that_was_not_asked_is_unknown() -> None:
    waits = Waits("ext")
    waits.event("a")

    assert states(waits.reply("a", says(), step="other")) == [("unknown", "a", None)]


def test_a_quorum_waits_for_distinct_workers() -> None:
    waits = Waits(quorum=2, workers=3)
    waits.event("a")

    assert states(waits.reply("a", says(True, "w1"))) == [("taken", "a", None)]
    again = waits.reply("a", says(True, "w1"))
    unlike = waits.reply("a", says(False, "w1"))
    assert [(o.state, o.conflicts) for o in again + unlike] == [("duplicate", False), ("duplicate", True)]
    assert waits.done == []
    assert states(waits.reply("a", says(True, "w2"))) == [("taken", "a", None), ("answered", "a", None)]
    assert states(waits.reply("a", says(True, "w3"))) == [("late", "a", "answered")]
    assert states(waits.reply("a", says(True, "w2"))) == [("duplicate", "a", None)]


def test_a_step_has_failed_as_soon_as_too_few_workers_are_left() -> None:
    waits = Waits(quorum=2, workers=3)
    waits.event("a")

    assert states(waits.reply("a", says(worker="w1", error="no model"))) == [("taken", "a", None)]
    said = waits.reply("a", says(worker="w2", error="no memory"))

    assert states(said) == [("taken", "a", None), ("failed", "a", None)]
    answer = answer_of(waits.done[0].errands[0], External("t", quorum=2))
    assert answer.error == ("the workers could not answer, 0 of 2 answers; w1: no model; w2: no memory")


def test_an_event_goes_on_when_all_it_waits_for_is_there() -> None:
    waits = Waits("one", "two")
    waits.event("a")

    waits.reply("a", says(True), "two")
    assert waits.done == []
    waits.reply("a", says(False), "one")

    assert [(e.step, e.replies[0].prediction) for e in waits.done[0].errands] == [
        ("one", False),
        ("two", True),
    ]


def test_an_event_can_wait_once_more_for_another_step() -> None:
    waits = Waits("one", "two")
    waits.names = ("one",)
    waits.pending.park(parked(0), ["one"])
    (_, outcome) = waits.pending.reply("one", "e0", says(True), 1)
    assert outcome.parked is not None

    waits.pending.park(outcome.parked, ["two"])

    assert states([*waits.pending.reply("one", "e0", says(True), 2)]) == [("duplicate", "e0", None)]
    (_, last) = waits.pending.reply("two", "e0", says(False), 3)
    assert last.parked is not None
    assert [errand.ended for errand in last.parked.errands] == ["answered", "answered"]


def test_an_answer_that_names_another_event_of_the_same_id_is_late() -> None:
    waits = Waits()
    waits.event("a")
    waits.time(DEADLINE_S + 1.0)
    waits.event("a", DEADLINE_S + 1.0)

    assert states(waits.reply("a", says(False), at=0)) == [("late", "a", "other_task")]
    assert states(waits.reply("a", says(True), at=1))[-1] == ("answered", "a", None)


def test_one_event_too_many_and_the_oldest_gives_way() -> None:
    waits = Waits(max_waiting=2, quorum=2)
    for event_id in "ab":
        waits.event(event_id)
    waits.reply("a", says(worker="w1"))  # it has changed, and is the oldest all the same

    said = waits.event("c")

    assert states(said) == [("evicted", "a", None)]
    assert [event.event_id for event in waits.done] == ["a"]
    assert waits.pending.counts["evicted"] == 1


def test_what_waits_takes_no_more_memory_than_is_allowed() -> None:
    waits = Waits(max_bytes=65_536)
    for i in range(1_000):
        waits.event(f"e{i}")
        assert waits.pending.size_bytes <= 65_536

    assert len(waits.done) + waits.pending.pending == 1_000
    assert waits.pending.counts["evicted"] == len(waits.done)


def test_events_that_are_done_are_forgotten_when_there_are_too_many() -> None:
    waits = Waits(max_waiting=2)
    for event_id in "abc":
        waits.event(event_id)
        waits.reply(event_id, says())

    assert states(waits.reply("a", says())) == [("unknown", "a", None)]
    assert states(waits.reply("b", says())) == [("duplicate", "b", None)]
    assert waits.pending.counts["forgotten"] == 1


def test_deadlines_of_what_is_answered_take_no_memory() -> None:
    waits = Waits()
    for i in range(5_000):
        waits.event(f"e{i}")
        waits.reply(f"e{i}", says())

    assert len(waits.pending._due) <= 1_100

"""Each label, and each event that waits, ends in exactly one state, and is told of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.labels.outcomes import Outcome, Waiter, status_of
from headrace.labels.waiting import Waiting
from schemas.labels import LabelStatus
from schemas.results import Answer
from tests.labelling import WAIT_S, Driven, declared, waiter


def one(outcomes: Any) -> Outcome:
    (outcome,) = outcomes
    return outcome


def test_a_label_finds_its_event_with_the_features_and_answers_of_then() -> None:
    driven = Driven()
    assert driven.event("e", 10.0) == []

    joined = one(driven.label("e", True, 25.5))

    assert (joined.state, joined.label, joined.delay_s) == ("joined", True, 15.5)
    assert (joined.offset, joined.event_offset) == (1, 0)
    assert joined.waiter == waiter(0)
    assert joined.scores
    assert driven.waiting.pending == 0


def test_a_label_that_comes_first_is_kept_and_joined_when_its_event_comes() -> None:
    driven = Driven()
    kept = one(driven.label("e", False, 10.0))
    assert (kept.state, kept.waiter, driven.waiting.orphans) == ("orphan_kept", None, 1)

    joined = one(driven.event("e", 14.0))

    assert (joined.state, joined.label, joined.reason) == ("joined", False, "label_first")
    assert (joined.offset, joined.event_offset, joined.delay_s) == (0, 1, -4.0)
    assert joined.waiter == waiter(1)
    assert driven.waiting.orphans == 0


def test_a_label_that_comes_when_the_time_is_just_over_is_joined_and_one_later_is_not() -> None:
    for late_s, state in [(0.0, "joined"), (0.001, "orphan_expired")]:
        driven = Driven()
        driven.event("e", 10.0)
        assert driven.label("e", True, 10.0 + WAIT_S + late_s)[-1].state == state


def test_a_label_whose_event_never_comes_is_given_up() -> None:
    driven = Driven()
    driven.label("e", True, 10.0)

    expired = one(driven.time(10.0 + WAIT_S + 1))

    assert (expired.state, expired.label, expired.reason) == ("orphan_expired", True, "no_event")
    assert driven.waiting.orphans == 0


@pytest.mark.parametrize(
    ("policy", "learned"),
    [("drop", None), ("negative", False), (True, True)],
    ids=["drop", "negative", "value"],
)
def test_an_event_without_label_expires_and_teaches_what_the_policy_says(policy: Any, learned: Any) -> None:
    driven = Driven(expire=policy)
    driven.event("e", 10.0)

    expired = one(driven.time(10.0 + WAIT_S + 1))

    assert (expired.state, expired.label, expired.reason) == ("expired", learned, "no_label")
    assert expired.waiter == (None if learned is None else waiter(0))
    assert expired.scores == (learned is not None)


def test_events_expire_in_the_order_they_came_in_whatever_their_own_time_says() -> None:
    driven = Driven()
    driven.waiting.expire(1000.0)
    for event_id, time_s in [("a", 4e9), ("b", -5.0), ("c", 990.0)]:
        driven.waiting.add(event_id, waiter(0), time_s)

    assert driven.time(1000.0 + WAIT_S) == []
    assert [o.event_id for o in driven.time(1001.0 + WAIT_S)] == ["a", "b", "c"]


def test_the_last_moment_is_the_same_whatever_else_has_gone_before() -> None:
    driven = Driven()
    driven.event("first", 0.0)
    driven.event("second", 25.0)
    driven.label("first", True, 30.0)

    assert driven.time(25.0 + WAIT_S) == []
    assert [o.event_id for o in driven.time(25.5 + WAIT_S)] == ["second"]


def test_time_that_goes_back_changes_nothing() -> None:
    driven = Driven()
    driven.event("e", 10.0)
    before = driven.waiting.digest()

    assert driven.time(-1e9) == []

    assert driven.waiting.digest() == before


def test_a_label_of_an_event_that_has_expired_is_late() -> None:
    driven = Driven()
    driven.event("e", 0.0)
    driven.time(WAIT_S + 1)

    late = one(driven.label("e", True, WAIT_S + 2))

    assert (late.state, late.reason, late.event_offset) == ("orphan_expired", "event_expired", 0)
    assert late.waiter is None


def test_the_same_label_again_is_a_duplicate() -> None:
    driven = Driven()
    driven.event("e")
    driven.label("e", True)

    again = one(driven.label("e", True))

    assert (again.state, again.conflicts, again.waiter, again.event_offset) == ("duplicate", False, None, 0)


def test_another_label_is_told_and_not_learned_where_corrections_are_ignored() -> None:
    driven = Driven()
    driven.event("e")
    driven.label("e", True)

    again = one(driven.label("e", False))

    assert (again.state, again.label, again.conflicts, again.waiter) == ("duplicate", False, True, None)


def test_another_label_is_learned_with_the_features_of_then_where_corrections_count() -> None:
    driven = Driven(corrections="relearn")
    driven.event("e", 3.0)
    driven.label("e", True, 4.0)

    corrected = one(driven.label("e", False, 8.0))

    assert (corrected.state, corrected.label, corrected.conflicts) == ("corrected", False, True)
    assert (corrected.delay_s, corrected.waiter) == (5.0, waiter(0))
    assert not corrected.scores, "its answer was scored with the first label"
    assert one(driven.label("e", False, 9.0)).state == "duplicate"
    assert one(driven.label("e", True, 9.0)).state == "corrected"


def test_a_late_label_corrects_what_an_expired_event_has_taught() -> None:
    driven = Driven(corrections="relearn", expire="negative")
    driven.event("e", 0.0)
    driven.time(WAIT_S + 1)

    assert one(driven.label("e", False, WAIT_S + 2)).state == "orphan_expired"
    corrected = one(driven.label("e", True, WAIT_S + 2))

    assert (corrected.state, corrected.label, corrected.waiter) == ("corrected", True, waiter(0))


def test_of_two_labels_before_their_event_each_has_its_own_end() -> None:
    ignoring, relearning = Driven(), Driven(corrections="relearn")
    for driven in (ignoring, relearning):
        driven.label("e", True)
        assert one(driven.label("e", True)).state == "duplicate"

    second = one(ignoring.label("e", False))
    assert (second.state, second.conflicts) == ("duplicate", True)
    assert one(ignoring.event("e")).label is True

    replaced, kept = relearning.label("e", False)
    assert (replaced.state, replaced.label, replaced.offset, replaced.reason) == (
        "corrected",
        True,
        0,
        "replaced",
    )
    assert replaced.waiter is None
    assert (kept.state, kept.label, kept.offset) == ("orphan_kept", False, 2)
    joined = one(relearning.event("e"))
    assert (joined.label, joined.offset) == (False, 2)


def test_a_second_event_of_the_same_id_does_not_wait() -> None:
    driven = Driven()
    driven.event("e")

    waits = one(driven.event("e"))
    driven.label("e", True)
    settled = one(driven.event("e"))

    assert (waits.state, waits.reason, waits.label) == ("duplicate", "event_waits", None)
    assert (settled.state, settled.reason) == ("duplicate", "event_settled")
    assert driven.waiting.pending == 0


def test_an_id_may_come_again_when_its_event_has_expired() -> None:
    driven = Driven()
    driven.event("e")
    driven.time(WAIT_S + 1)

    assert driven.event("e", WAIT_S + 2) == []
    assert one(driven.label("e", True, WAIT_S + 3)).event_offset == 1


def test_what_is_settled_is_forgotten_after_as_long_a_time() -> None:
    driven = Driven()
    driven.event("e")
    driven.label("e", True)
    assert driven.waiting.settled == 1

    assert driven.time(WAIT_S + 1) == []

    assert driven.waiting.settled == 0
    assert one(driven.label("e", True, WAIT_S + 1)).state == "orphan_kept"


def test_a_number_and_its_text_are_two_ids() -> None:
    driven = Driven()
    driven.waiting.add(1, waiter(0), 0.0)

    assert one(driven.label("1", True)).state == "orphan_kept"
    assert one(driven.waiting.label(1, True, 2, 0.0)).state == "joined"


def test_true_is_another_label_than_1() -> None:
    waiting = Waiting(declared(label_type=int))
    waiting.add("e", waiter(0), 0.0)
    waiting.label("e", 1, 1, 0.0)

    assert one(waiting.label("e", True, 2, 0.0)).conflicts


def test_an_invalid_label_is_told_and_its_event_waits_on() -> None:
    driven = Driven()
    driven.event("e")

    invalid = one(driven.waiting.invalid("e", 1, "expected a bool, got a str"))

    assert (invalid.state, invalid.event_id, invalid.reason) == ("invalid", "e", "expected a bool, got a str")
    assert driven.waiting.pending == 1
    assert one(driven.waiting.invalid(None, 2, "no id")).event_id is None


def test_outcomes_are_counted_by_state() -> None:
    driven = Driven(max_waiting=2)
    for i in range(4):
        driven.event(f"e{i}")
    for i in range(5):
        driven.label(f"e{i}", True)

    found = {name: n for name, n in driven.waiting.counts.items() if n}
    assert found == {
        "joined": 2,
        "orphan_kept": 1,
        "orphan_expired": 2,
        "expired": 2,
        "evicted": 2,
        "forgotten": 2,
    }


NUMBERS = st.one_of(st.floats(allow_nan=False), st.integers(), st.booleans(), st.none(), st.text(max_size=9))
ANSWERS = st.builds(
    Answer,
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text()
    ),
    st.none() | st.dictionaries(st.text(max_size=5), st.floats(0, 1), max_size=4),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.text(),
)


@given(
    st.lists(st.dictionaries(st.text(max_size=3), NUMBERS, max_size=6), min_size=1, max_size=5),
    st.lists(ANSWERS, min_size=5, max_size=5),
    st.none() | st.dictionaries(st.text(max_size=5), ANSWERS),
    st.none() | st.binary(max_size=9),
)
def test_what_waited_comes_back_to_the_bit(
    rows: list[dict[str, Any]], answers: list[Answer], named: dict[str, Answer] | None, key: bytes | None
) -> None:
    waiting = Waiting(declared())
    given_ = [Waiter(x, answers[i], i, i * 2, key, named) for i, x in enumerate(rows)]
    for i, each in enumerate(given_):
        waiting.add(i, each, 0.5)

    back = [one(waiting.label(i, True, 0, 1.0)).waiter for i in range(len(rows))]

    assert [repr(each) for each in back] == [repr(each) for each in given_], "-0.0, True and 1 count"


def test_a_status_says_where_its_record_stands_and_has_an_id_of_its_own() -> None:
    driven = Driven(corrections="relearn")
    driven.event("e", 1.0)
    said = [*driven.label("e", True, 3.0), *driven.label("e", False, 5.0), *driven.time(9 * WAIT_S)]
    said += [*driven.label("f", True, 9 * WAIT_S), *driven.time(20 * WAIT_S)]

    statuses = [status_of(outcome, ("fraud", "fraud@2", "fraud.log", 3)) for outcome in said]

    ids = [status.id for status in statuses]
    assert ids[0] == "fraud/fraud.log/3/1/labels.joined"
    assert len({*ids}) == len(ids) == 4
    assert msgspec.json.decode(msgspec.json.encode(statuses[1]), type=LabelStatus) == statuses[1]
    assert msgspec.to_builtins(statuses[1]) == {
        "id": "fraud/fraud.log/3/2/labels.corrected",
        "event_id": "e",
        "state": "corrected",
        "pipeline": "fraud@2",
        "source": {"topic": "fraud.log", "partition": 3, "offset": 2},
        "label": False,
        "delay_s": 4.0,
        "event_offset": 0,
        "conflicts": True,
    }

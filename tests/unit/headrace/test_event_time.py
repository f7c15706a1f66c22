"""The clock runs on events: never back, never far on the word of one record."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import DeclarationError
from headrace.event_time import AGREEING, EventClock, EventTime

T0 = 1_700_000_000.0
DAY = 86_400.0
YEAR_2099 = 4_070_908_800.0

near = st.floats(T0 - 5 * DAY, T0 + 5 * DAY)
anything = st.one_of(near, st.floats(-1e11, 1e11), st.just(YEAR_2099))


def clock(**options: Any) -> EventClock:
    return EventClock(EventTime("at", **options))


def ticked(made: EventClock, *times_s: float) -> list[float]:
    return [made.tick(time_s, int(T0 * 1000)) for time_s in times_s]


def test_follows_the_newest_event():
    made = clock(lateness_s=10)
    assert ticked(made, T0, T0 + 5, T0 + 2) == [T0, T0 + 5, T0 + 2]
    assert (made.now_s, made.watermark_s, made.event_s, made.n) == (T0 + 5, T0 - 5, T0 + 2, 3)


def test_without_a_field_the_timestamp_of_the_record_is_the_time():
    made = EventClock()
    assert made.tick(None, 1_500) == 1.5
    assert made.now_s == 1.5


def test_an_event_behind_the_watermark_is_late_and_keeps_its_time():
    made = clock(lateness_s=10)
    assert ticked(made, T0, T0 - 10, T0 - 11)[-1] == T0 - 11
    assert made.late == 1
    assert made.is_late(T0 - 11)
    assert not made.is_late(T0 - 10)


def test_one_record_from_2099_does_not_move_the_clock():
    made = clock()
    assert ticked(made, T0, YEAR_2099, T0 + 1) == [T0, T0, T0 + 1]
    assert (made.now_s, made.odd, made.late) == (T0 + 1, 1, 0)


def test_a_first_record_from_2099_does_not_start_the_clock():
    made = clock()
    assert ticked(made, YEAR_2099, T0 - 3) == [T0, T0 - 3]
    assert (made.now_s, made.odd) == (T0 - 3, 1)


def test_history_may_be_far_behind_its_kafka_timestamps():
    made = clock()
    ticked(made, T0 - 5_000 * DAY)
    assert (made.now_s, made.odd) == (T0 - 5_000 * DAY, 0)


def test_a_first_record_without_kafka_timestamp_starts_the_clock():
    made = clock()
    assert made.tick(T0, -1) == T0
    assert made.now_s == T0


def test_after_a_silent_month_the_clock_follows_records_that_agree():
    made = clock()
    after = [T0 + 30 * DAY + i for i in range(8)]
    used = ticked(made, T0, *after)
    assert used[1:AGREEING] == [T0] * (AGREEING - 1)
    assert used[AGREEING] == after[0]
    assert used[AGREEING + 1 :] == after[AGREEING:]
    assert (made.now_s, made.odd) == (after[-1], AGREEING)


def test_the_clock_follows_a_source_that_is_slower_than_its_step():
    made = clock()
    weekly = [T0 + i * 7 * DAY for i in range(40)]
    ticked(made, *weekly)
    assert made.now_s == weekly[-AGREEING]


def test_outliers_among_good_records_never_agree():
    made = clock()
    for i in range(100):
        ticked(made, T0 + i, *[YEAR_2099] * (AGREEING - 1))
    assert made.now_s == T0 + 99


def test_what_is_ahead_of_its_own_timestamp_is_never_followed():
    made = clock(max_ahead_s=60)
    ticked(made, T0, T0 + 60, *[T0 + 61] * 50)
    assert (made.now_s, made.odd) == (T0 + 60, 50)


def test_what_is_no_number_is_odd():
    made = clock()
    assert ticked(made, T0, nan, inf) == [T0, T0, T0]
    assert made.odd == 2


@given(st.lists(anything, max_size=60), st.sampled_from([0.0, 3600.0]))
def test_the_watermark_never_goes_back(times_s: list[float], lateness_s: float):
    made, before_s = clock(lateness_s=lateness_s), -inf
    for time_s in times_s:
        used_s = made.tick(time_s, int(T0 * 1000))
        assert made.watermark_s >= before_s
        assert used_s <= made.now_s or made.now_s == -inf
        before_s = made.watermark_s


@given(st.lists(near, min_size=1, max_size=30), st.floats(-1e11, 1e11), st.integers(1, AGREEING - 1))
def test_less_outliers_than_agree_never_move_the_clock_beyond_its_step(
    times_s: list[float], outlier_s: float, n: int
):
    made = clock()
    for time_s in times_s:
        made.tick(time_s, int(time_s * 1000))
    made.tick(made.now_s, 0)
    before_s = made.now_s
    made.tick(outlier_s, 0)
    assert made.now_s <= before_s + DAY
    made.tick(made.now_s, 0)
    before_s = made.now_s
    for _ in range(n):
        made.tick(before_s + DAY * 1.01 + abs(outlier_s), 0)
    assert made.now_s == before_s


@given(st.lists(anything, max_size=40), st.integers(0, 40))
def test_goes_on_from_its_state_as_if_it_had_never_stopped(times_s: list[float], cut: int):
    whole, part = clock(lateness_s=60), clock(lateness_s=60)
    ticked(part, *times_s[:cut])
    rest = clock(lateness_s=60)
    rest.restore(json.loads(json.dumps(part.state())))
    expected = ticked(whole, *times_s)
    assert ticked(part, *times_s[cut:]) == ticked(rest, *times_s[cut:]) == expected[cut:]
    assert rest.state() == part.state() == whole.state()


def test_milliseconds_are_a_thousandth_of_a_second():
    assert (EventTime("at", unit="ms").per_s, EventTime("at").per_s) == (1000.0, 1.0)


@pytest.mark.parametrize(
    ("argument", "options"),
    [
        ("field", {"field": ""}),
        ("field", {"field": 3}),
        ("unit", {"unit": "us"}),
        ("late", {"late": "drop"}),
        ("lateness_s", {"lateness_s": -1}),
        ("lateness_s", {"lateness_s": nan}),
        ("lateness_s", {"lateness_s": True}),
        ("max_step_s", {"max_step_s": 0}),
        ("max_step_s", {"max_step_s": "1 day"}),
        ("max_ahead_s", {"max_ahead_s": -5}),
        ("max_ahead_s", {"max_ahead_s": inf}),
    ],
)
def test_a_wrong_declaration_names_its_argument(argument: str, options: dict[str, Any]):
    with pytest.raises(DeclarationError) as caught:
        EventTime(**{"field": "at", **options})
    assert caught.value.argument == argument
    assert caught.value.fix

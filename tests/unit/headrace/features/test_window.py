"""A window says what a list of all that happened says."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import HeadraceError
from headrace.features.moment import Moment, bind_clock
from headrace.features.window import Window
from headrace.models.digest import digest
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.pickling import dumps, loads
from tests.unit.headrace.features.past import STATISTICS, Happened, over_events, over_time, told

values = st.one_of(st.integers(-50, 50), st.integers(-200, 200).map(lambda n: n / 4), st.booleans())
happened = st.builds(Happened, st.integers(-40, 400).map(lambda n: n / 2), st.sampled_from("ab"), values)
logs = st.lists(happened, max_size=25)
in_order = logs.map(lambda log: sorted(log, key=lambda event: event.at_s))


def close(said: list[Any]) -> Any:
    return [value if value is None else pytest.approx(value, rel=1e-12, abs=1e-9) for value in said]


@pytest.mark.parametrize("how", sorted(STATISTICS))
@settings(max_examples=20)
@given(log=st.one_of(in_order, logs), parts=st.sampled_from([1, 2, 5]), size_s=st.sampled_from([1, 7, 60]))
def test_over_time_it_is_exact_on_its_buckets(how: str, log: list[Happened], parts: int, size_s: int):
    window = Window("v", "k", how, size_s=size_s, parts=parts)
    assert told(window, log) == close(over_time(how, log, size_s, parts))


@pytest.mark.parametrize("how", sorted(set(STATISTICS) - {"count"}))
@settings(max_examples=20)
@given(log=logs, n=st.integers(1, 6))
def test_over_events_it_is_exact(how: str, log: list[Happened], n: int):
    assert told(Window("v", "k", how, count=n), log) == close(over_events(how, log, n))


@pytest.mark.parametrize("how", sorted(STATISTICS))
@settings(max_examples=20)
@given(log=logs)
def test_with_neither_it_measures_all_there_was(how: str, log: list[Happened]):
    assert told(Window("v", "k", how), log) == close(over_events(how, log, len(log) + 1))


@settings(max_examples=20)
@given(log=st.one_of(in_order, logs))
def test_a_tumbling_window_begins_anew_at_each_multiple_of_its_size(log: list[Happened]):
    window = Window("v", "k", "sum", size_s=60, kind="tumbling")
    assert told(window, log) == close(over_time("sum", log, 60, 1))


@settings(max_examples=20)
@given(log=in_order, size_s=st.sampled_from([None, 5, 60]))
def test_last_and_the_time_since_it(log: list[Happened], size_s: int | None):
    last, since = Window("v", "k", "last", size_s=size_s), Window(None, "k", "since_last", size_s=size_s)
    expected: list[Any] = []
    for i, event in enumerate(log):
        before = [e for e in log[:i] if e.key == event.key][-1:]
        near = [e for e in before if size_s is None or event.at_s - e.at_s <= size_s]
        expected.append((near[0].value, event.at_s - near[0].at_s) if near else (None, None))
    assert list(zip(told(last, log), told(since, log), strict=True)) == expected


def test_of_a_day_a_tumbling_window_forgets_the_last_of_yesterday():
    day = 86_400.0
    log = [Happened(day - 1, "a", 7), Happened(day + 5, "a", 8), Happened(day + 9, "a", 9)]
    assert told(Window("v", "k", "last", size_s=day, kind="tumbling"), log) == [None, None, 8]
    assert told(Window("v", "k", "last", size_s=day), log) == [None, 7, 8]


def test_an_event_older_than_the_newest_is_told_no_last():
    log = [Happened(10, "a", 1), Happened(5, "a", 2), Happened(11, "a", 3)]
    assert told(Window("v", "k", "last"), log) == [None, None, 1]
    assert told(Window(how="since_last", by="k"), log) == [None, None, 1.0]


def test_large_values_leave_nothing_behind():
    log = [Happened(float(i), "a", 1e12 if i == 1 else 1e-3) for i in range(20)]
    assert told(Window("v", how="sum", count=2), log)[-1] == 2e-3
    assert told(Window("v", how="sum", size_s=3, parts=3), log)[-1] == 2e-3


@pytest.mark.parametrize(
    "options", [{"how": "mean", "size_s": 60}, {"how": "std", "count": 4}, {"how": "distinct"}]
)
def test_the_key_whose_last_event_is_the_longest_ago_is_forgotten(options: dict[str, Any]):
    window = Window("v", "k", max_keys=2, **options)
    log = [Happened(i / 10, key, i) for i, key in enumerate("aabbaccb")]
    told(window, log)
    assert window.n_keys == 2
    kept = [event for event in log if event.key != "b" or event is log[-1]]
    rest = Happened(1.0, "b", 5)
    assert told(window, [rest]) == told_after(Window("v", "k", **options), kept, rest)


def told_after(window: Window, log: list[Happened], event: Happened) -> list[Any]:
    told(window, log)
    return told(window, [event])


def test_percentiles_and_distinct_over_time_hold_so_many_of_the_newest_values():
    log = [Happened(float(i), "a", i) for i in range(100)]
    assert told(Window("v", how="p50", size_s=1000, max_values=9), log)[-1] == 94
    assert told(Window("v", how="distinct", size_s=1000, max_values=9), log)[-1] == 9


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), 1e101, "text"])
@pytest.mark.parametrize("options", [{"size_s": 60}, {"count": 3}, {}])
def test_what_is_no_number_does_not_enter_and_harms_nothing(bad: Any, options: dict[str, Any]):
    log = [Happened(0.0, "a", 2), Happened(1.0, "a", bad), Happened(2.0, "a", 4), Happened(3.0, "a", 1)]
    for how in ("sum", "mean", "max", "std", "p50"):
        window = Window("v", "k", how, **options)
        clean = Window("v", "k", how, **options)
        assert told(window, log)[2:] == told(clean, [log[0], *log[2:]])[1:]


def test_texts_can_be_counted_told_apart_and_kept():
    log = [Happened(float(i), "a", word) for i, word in enumerate(["x", "y", "x", "z"])]
    assert told(Window("v", "k", "distinct"), log) == [0, 1, 2, 2]
    assert told(Window("v", "k", "count"), log) == [0, 1, 2, 3]
    assert told(Window("v", "k", "last"), log) == [None, "x", "y", "x"]


def test_an_event_without_key_enters_nothing_and_is_told_what_is_missing():
    window = Window("v", "k", "count", missing=-1)
    moment = Moment()
    bind_clock([window], moment)
    for x in ({"v": 1}, {"k": None, "v": 1}):
        moment.begin(0.0)
        assert window.transform_one(x) == {window.feature: -1}
        moment.settle()
    assert window.n_keys == 0
    assert told(Window("v", ("k", "j")), [Happened(0.0, "a", 1)]) == [None]


def test_keys_may_be_of_several_fields():
    window = Window("v", ["a", "b"], "sum")
    for a, b in ((1, 1), (1, 2), (1, 1)):
        window.learn_one({"a": a, "b": b, "v": 10})
    assert window.transform_one({"a": 1, "b": 1}) == {"v_sum_by_a_and_b": 20.0}


def test_missing_says_what_stands_in_the_place_of_nothing():
    assert Window("v").transform_one({}) == {}
    assert Window("v", missing=5).transform_one({}) == {"v_mean": 5}
    assert Window("v", how="sum").transform_one({}) == {"v_sum": 0.0}


@pytest.mark.parametrize(
    ("window", "name"),
    [
        (Window("v", "k", size_s=3600), "v_mean_3600s_by_k"),
        (Window("v", ("k", "j"), "p95", count=50), "v_p95_50_by_k_and_j"),
        (Window(how="count", size_s=0.5), "count_0.5s"),
        (Window("v", name="recent"), "recent"),
    ],
)
def test_the_feature_is_named_after_its_declaration(window: Window, name: str):
    assert window.feature == name


def test_without_a_clock_a_window_over_time_says_so():
    with pytest.raises(HeadraceError, match="no clock"):
        Window("v", size_s=60).transform_one({"v": 1})
    with pytest.raises(HeadraceError, match="no clock"):
        Window(how="since_last").learn_one({})


ALL = [
    *[{"how": how, "size_s": 7, "parts": 3} for how in sorted(STATISTICS)],
    *[{"how": how, "count": 3} for how in sorted(set(STATISTICS) - {"count"})],
    {"how": "last"}, {"how": "since_last", "size_s": 60}, {"how": "sum", "size_s": 60, "kind": "tumbling"},
]  # fmt: skip


@pytest.mark.parametrize("options", ALL)
@settings(max_examples=20)
@given(log=logs, cut=st.integers(0, 25))
def test_asked_twice_it_says_the_same_and_has_not_changed(
    options: dict[str, Any], log: list[Happened], cut: int
):
    window = Window("v", "k", **options)
    told(window, log[:cut])
    before, moment = digest(window), Moment()
    bind_clock([window], moment)
    for event in log[cut:]:
        moment.begin(event.at_s)
        said = window.transform_one(event.x)
        moment.begin(event.at_s)
        assert window.transform_one(event.x) == said
    assert digest(window) == before


@pytest.mark.parametrize("options", ALL)
@settings(max_examples=20)
@given(log=logs, cut=st.integers(0, 25))
def test_after_a_snapshot_it_goes_on_to_the_bit(options: dict[str, Any], log: list[Happened], cut: int):
    window = Window("v", "k", max_keys=3, **options)
    told(window, log[:cut])
    restored = loads(dumps(window), Allowed())
    assert digest(restored) == digest(window)
    assert told(restored, log[cut:]) == told(window, log[cut:])
    assert digest(restored) == digest(window)


def test_a_clone_is_like_it_and_knows_nothing():
    window = Window("v", "k", "sum", count=3)
    told(window, [Happened(0.0, "a", 5)])
    fresh, same = window.clone(), window.clone(include_attributes=True)
    assert fresh.transform_one({"k": "a"}) == {"v_sum_3_by_k": 0.0}
    assert (
        same.transform_one({"k": "a"})
        == copy.deepcopy(window).transform_one({"k": "a"})
        == {"v_sum_3_by_k": 5}
    )
    assert digest(fresh) == digest(Window("v", "k", "sum", count=3))

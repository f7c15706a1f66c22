"""Rules fire and are resolved as an independent reading of them says, and go on after a restore."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.alerts.book import AlertBook
from headrace.alerts.rules import Alert, built_in
from headrace.alerts.signals import DEAD_LETTERS
from headrace.errors import SnapshotError
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from schemas.alerts import AlertEvent


def book(*alerts: Alert) -> AlertBook:
    return AlertBook(alerts, pipeline="p@1", topic="t", partition=2)


def states(alert: Alert, values: list[float | None], every: int = 100) -> list[tuple[int, str]]:
    """Return after how many values, from 1 on, which state began."""
    made = book(alert)
    found = []
    for i, value in enumerate(values, 1):
        signals = {} if value is None else {alert.signal: value}
        found += [(i, event.state) for event in made.observe(signals, i * every, i * every - 1)]
    return found


def test_a_limit_that_is_broken_fires_at_once_and_is_resolved_at_once() -> None:
    assert states(Alert("F1", below=0.5), [0.6, 0.4, 0.3, 0.5, 0.6, 0.1]) == [
        (2, "firing"),
        (4, "resolved"),
        (6, "firing"),
    ]
    assert states(Alert("MAE", above=2), [2.0, 2.1, 2.0]) == [(2, "firing"), (3, "resolved")]


def test_it_must_be_broken_and_unbroken_for_so_many_events() -> None:
    alert = Alert("F1", below=0.5, for_events=200)

    assert states(alert, [0.4, 0.4, 0.6, 0.4, 0.4, 0.4, 0.6, 0.4, 0.6, 0.6, 0.6]) == [
        (6, "firing"),
        (11, "resolved"),
    ]


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 5))
def test_hysteresis_is_that_of_the_last_values(broken: list[bool], held: int) -> None:
    expected, is_firing = [], False
    for i in range(len(broken)):
        last = broken[: i + 1][-(held + 1) :]
        if len(last) == held + 1 and all(b != is_firing for b in last):
            is_firing = not is_firing
            expected.append((i + 1, "firing" if is_firing else "resolved"))

    values: list[float | None] = [0.0 if b else 1.0 for b in broken]
    found = states(Alert("F1", below=0.5, for_events=held * 100), values)

    assert found == expected


def test_a_drop_is_measured_from_the_mean_of_the_values_before_it() -> None:
    alert = Alert("F1", drops_by=0.1, past=3)

    # The mean of 0.8, 0.9 and 0.8 is 0.833, a tenth less is 0.75.
    found = states(alert, [0.1, 0.7, 0.8, 0.9, 0.8, 0.7, 0.73, 0.71, 0.5, 0.6, 0.9])

    assert found == [(6, "firing"), (11, "resolved")]


def test_a_rise_is_measured_likewise_and_the_past_stands_still_meanwhile() -> None:
    alert = Alert("label_delay_p50_seconds", rises_by=1.0, past=4)

    found = states(alert, [10.0, 10.0, 10.0, 10.0, 19.0, 25.0, 100.0, 100.0, 100.0, 24.0, 12.0])

    assert found == [(6, "firing"), (10, "resolved")]


def test_there_is_no_drop_without_a_past() -> None:
    assert states(Alert("F1", drops_by=0.1), [0.9, 0.1]) == []


def test_a_negative_signal_drops_downwards() -> None:
    assert states(Alert("R2", drops_by=0.5, past=3), [-1.0, -1.0, -1.0, -1.4, -1.8]) == [(5, "firing")]


@pytest.mark.parametrize("gap", [None, float("nan"), float("inf")])
def test_a_signal_that_is_absent_or_no_number_changes_nothing(gap: float | None) -> None:
    alert = Alert("F1", below=0.5, for_events=100)

    assert states(alert, [0.4, gap, 0.4, gap, 0.6, gap, 0.6]) == [(3, "firing"), (7, "resolved")]


def test_an_event_says_what_happened_with_numbers_and_what_to_do() -> None:
    alert = Alert("ROCAUC", model="tree", segment="AA", below=0.8, for_events=1_000, severity="critical")
    made = book(alert)
    for n in (1_000, 2_000):
        events = made.observe({alert.signal: 0.75}, n, n + 6, 99.5)

    [event] = events
    assert event.id == "p@1/t/2/2006/alert/ROCAUC{model=tree,segment=AA} is below 0.8"
    assert event.happened == "ROCAUC{model=tree,segment=AA} is 0.75, below 0.8, since offset 1006."
    assert event.todo.endswith("roll back.")
    assert (event.state, event.severity, event.model, event.segment) == ("firing", "critical", "tree", "AA")
    assert (event.value, event.limit, event.since_offset, event.n, event.time_s) == (
        0.75,
        0.8,
        1006,
        2000,
        99.5,
    )
    assert msgspec.json.decode(msgspec.json.encode(event), type=AlertEvent) == event
    for n in (3_000, 4_000):
        events = made.observe({alert.signal: 0.85}, n, n)
    assert (
        events[0].happened == "ROCAUC{model=tree,segment=AA} is 0.85, again at least 0.8, since offset 3000."
    )


def test_an_event_of_a_relative_rule_names_the_share() -> None:
    alert = Alert("F1", drops_by=0.1, past=3, name="fell")
    made = book(alert)
    for n in range(4):
        events = made.observe({"F1": 0.9 if n < 3 else 0.5}, n, n)

    assert events[0].happened == "F1 is 0.5, below 0.81, 10% less than its mean before, since offset 3."


def test_the_book_knows_what_fires() -> None:
    made = book(Alert("F1", below=0.5, name="a"), Alert("MAE", above=1.0, name="b"))
    made.observe({"F1": 0.1, "MAE": 0.5}, 1, 1)

    assert made.firing == ("a",)


RULES = (
    Alert("a", below=0.5, for_events=20),
    Alert("a", drops_by=0.2, past=4, name="drop"),
    Alert("b", rises_by=0.3, past=5, for_events=10),
)
values = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 9)), max_size=40)


def observed(made: AlertBook, given_values: Any, first: int = 0) -> list[AlertEvent]:
    return [
        event
        for i, (a, b) in enumerate(given_values, first)
        for event in made.observe({"a": a, "b": b}, 10 * i, i)
    ]


@given(values, st.integers(0, 40))
def test_a_restored_book_goes_on_as_if_nothing_had_been(given_values: Any, cut: int) -> None:
    whole, first, second = book(*RULES), book(*RULES), book(*RULES)
    wanted = observed(whole, given_values)
    before = observed(first, given_values[:cut])

    second.restore(pickling.loads(pickling.dumps(first.state()), Allowed()))

    assert before + observed(second, given_values[cut:], min(cut, len(given_values))) == wanted
    assert second.state() == whole.state()


def test_what_a_book_holds_is_bounded() -> None:
    made = book(*RULES)
    sizes = set()
    for i in range(1_000):
        made.observe({"a": 0.9, "b": 1.0}, i, i)
        sizes.add(len(made.state()[1][3]))

    assert max(sizes) == 4


@pytest.mark.parametrize("other", [[], {}, [["x", False, None, []]], None])
def test_a_state_of_other_rules_is_refused(other: Any) -> None:
    with pytest.raises(SnapshotError, match="other alerts"):
        book(*RULES).restore(other)


def test_built_in_rules_fire_at_what_they_are_for() -> None:
    made = AlertBook(built_in())
    calm = {
        "labels_missing_ratio": 0.1,
        "label_delay_p50_seconds": 60.0,
        "drift_alarms_per_10k_events": 1.0,
        DEAD_LETTERS: 0.0,
    }
    bad = {
        "labels_missing_ratio": 0.9,
        "label_delay_p50_seconds": 300.0,
        "drift_alarms_per_10k_events": 50.0,
        DEAD_LETTERS: 0.2,
    }
    events = [e for i in range(10) for e in made.observe(calm, i * 1_000, i)]
    assert events == []

    events = [e for i in range(10, 14) for e in made.observe(bad, i * 1_000, i)]

    assert {e.name for e in events} == {"LabelsMissing", "LabelDelayGrowing", "DriftStorm", "DeadLetterRate"}
    assert all(e.todo.endswith(".") and e.happened.endswith(".") for e in events)

"""The benchmark of drift: its streams change where they say, its numbers are those of the runs."""

from __future__ import annotations

from typing import Any

import pytest

from tools.adaptation import report
from tools.adaptation.measure import AFTER, HEARD, Run, heard, run
from tools.adaptation.report import Case
from tools.adaptation.streams import KINDS, SOURCES, Stream, synthetic


class Parrot:
    """Says always the same, and learns nothing."""

    def predict_one(self, x: Any) -> bool:
        return True

    def learn_one(self, x: Any, y: Any) -> None:
        pass


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_the_same_each_time_and_another_for_another_seed(source: str, kind: Any) -> None:
    one, again, other = (synthetic(source, kind, seed, 1_200) for seed in (5, 5, 6))

    assert one == again
    assert one.events != other.events
    assert len(one.events) == 1_200


@pytest.mark.parametrize("source", SOURCES)
def test_before_the_change_an_abrupt_stream_is_the_one_without_and_after_it_is_not(source: str) -> None:
    still, abrupt = (synthetic(source, kind, 5, 1_000) for kind in ("none", "abrupt"))  # type: ignore[arg-type]
    (change,) = abrupt.changes

    assert abrupt.events[:change] == still.events[:change]
    assert abrupt.events[change:] != still.events[change:]


def test_the_accuracy_after_a_change_is_counted_where_the_change_is() -> None:
    labels = [True] * 1_000 + [i % 4 == 0 for i in range(AFTER)] + [True] * 500
    stream = Stream("made", "abrupt", [({}, y) for y in labels], (1_000,))

    found = run(Parrot, stream)

    assert found.after == 0.25
    assert found.overall == sum(labels) / len(labels)
    assert (found.n_false, found.delay, found.missed) == (None, None, None)


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [([], (0, None, 1)), ([1_010, 1_200], (0, 10.0, 0)), ([5, 1_000 + HEARD], (2, None, 1))],
)
def test_an_alarm_belongs_to_a_change_shortly_before_it_or_is_false(
    alarms: list[int], expected: tuple[Any, ...]
) -> None:
    assert heard(Stream("made", "abrupt", [], (1_000,)), alarms) == expected


def of(overall: float, after: float | None = None) -> Run:
    return Run(overall, after, 0, None, 0, 1.0)


def test_promises_are_judged_run_by_run() -> None:
    results = {
        Case("A", "none", "m"): {"none": [of(0.9), of(0.9)], "background": [of(0.896), of(0.89)]},
        Case("A", "abrupt", "m"): {"none": [of(0.9, 0.5)], "background": [of(0.9, 0.5)]},
        Case("A", "gradual", "m"): {"none": [of(0.9, 0.5)], "background": [of(0.1, 0.1)]},
    }

    found = report.promises(results)

    assert [promise.is_kept for promise in found] == [True, False, False]  # equal is no win
    assert sum(line.startswith("* not kept") for line in report.judged(found)) == 2


def test_a_cell_is_the_mean_over_the_seeds_or_a_dash() -> None:
    (line,) = report.table({Case("A", "none", "m"): {"none": [of(0.5), of(0.7)]}})[2:]

    assert line == "| A | none | m | none | 60.00 | - | 0.0 | - | 0.0 | 1 |"

"""The time a replay will take follows from the pace of the last seconds."""

from __future__ import annotations

from agents.replay_progress import WINDOW, ReplayProgress


def test_without_a_second_look_the_time_is_not_known() -> None:
    progress = ReplayProgress()
    progress.update(0.0, {3: 1000})
    assert progress.report() == [{"partition": 3, "remaining": 1000, "per_s": None, "eta_s": None}]


def test_the_pace_of_the_last_looks_counts() -> None:
    progress = ReplayProgress()
    for second in range(WINDOW):
        progress.update(float(second), {0: 10_000})
    for second in range(WINDOW):
        progress.update(100.0 + second, {0: 10_000 - 500 * second})
    assert progress.report() == [{"partition": 0, "remaining": 5500, "per_s": 500, "eta_s": 11.0}]


def test_what_is_done_is_reported_no_more() -> None:
    progress = ReplayProgress()
    progress.update(0.0, {0: 10, 1: 20})
    progress.update(1.0, {0: 0, 1: 5})
    assert [row["partition"] for row in progress.report()] == [1]
    progress.update(2.0, {})
    assert progress.report() == []

"""What `headrace up` shows."""

from __future__ import annotations

import io
from typing import Any

import msgspec
from rich.console import Console

from agents.up.view import LINE_INTERVAL_S, LineView, LiveView, Standing, WorkerRow, line
from schemas import DeadLetter

LETTER = msgspec.convert(
    {
        "id": "fraud/payments/3/911/dead",
        "pipeline": "fraud@1",
        "source": {"topic": "payments", "partition": 3, "offset": 911},
        "timestamp_ms": 0,
        "error": {"type": "type", "path": "$.amount", "message": "Expected `float`, got `str`"},
        "key_b64": None,
        "value_b64": "e30=",
        "value_size_bytes": 2,
    },
    DeadLetter,
)


def standing(**changes: Any) -> Standing:
    now = Standing(
        label="fraud@1",
        elapsed_s=61.0,
        events=1_234,
        rate=56.4,
        lag=7,
        dead=2,
        latest=LETTER,
        workers=[
            WorkerRow(1, 100, [0, 2], 7, "http://127.0.0.1:8088"),
            WorkerRow(2, 101, [], 0, "http://127.0.0.1:8089"),
            WorkerRow(3, None, None, 0, None),
        ],
    )
    return now._replace(**changes)


def test_a_line_says_all_of_it() -> None:
    assert line(standing()) == (
        "1,234 events   56/s   lag 7   dead letters 2   worker 1: 0, 2   worker 2: none   worker 3: starting"
    )


def test_what_waits_to_be_taken_in_is_said() -> None:
    assert "lag 7, 1,200 to be taken in   dead letters 2" in line(standing(waiting=1_200))


def test_a_silent_kafka_is_said() -> None:
    assert "Kafka has not answered for 12 s" in line(standing(silent_s=12.0))


def test_lines_come_when_something_moved_and_not_too_often() -> None:
    out = io.StringIO()
    times = [0.0, LINE_INTERVAL_S, LINE_INTERVAL_S * 2, LINE_INTERVAL_S * 2.5, LINE_INTERVAL_S * 3]
    events = [0, 5, 5, 6, 9]
    with LineView(Console(file=out, width=200)) as view:
        for elapsed_s, n in zip(times, events, strict=True):
            view.update(standing(elapsed_s=elapsed_s, events=n))

    assert [shown.split()[0] for shown in out.getvalue().splitlines()] == ["5", "6"]


def test_the_panel_shows_workers_and_the_latest_dead_letter() -> None:
    out = io.StringIO()
    with LiveView(Console(file=out, width=110, force_terminal=True, color_system=None)) as view:
        view.update(standing())
        view.note("worker 2 [3] died")

    shown = out.getvalue()
    assert "fraud@1   1,234 events   56/s   lag 7   dead letters 2   1:01 min" in shown
    assert "http://127.0.0.1:8088/metrics" in shown
    assert "$.amount: Expected `float`, got `str`   (payments[3]@911)" in shown
    assert "worker 2 [3] died" in shown

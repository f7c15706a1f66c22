"""How far a worker is behind: its log, and the sources that it takes in."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from faust.types import TP

from agents.lag import LagWatch
from agents.worker_metrics import WorkerMetrics
from headrace.metrics import registry

EVENTS_0, EVENTS_1, LABELS_0 = TP("lag.events", 0), TP("lag.events", 1), TP("lag.labels", 0)


class Consumer:
    """What aiokafka tells of partitions that end at 100, all of whose records were fetched up to there."""

    def __init__(self) -> None:
        self._fetched_up_to: dict[TP, int] = {}

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 100)

    async def position(self, tp: TP) -> int:
        return 0


class App:
    """What `LagWatch` needs of an app."""

    consumer = Consumer()


def shown() -> dict[tuple[str, str], float]:
    """Return the gauge of the lag, by topic and partition."""
    [family] = [family for family in registry.collect() if family.name == "headrace_consumer_lag_events"]
    return {
        (sample.labels["topic"], sample.labels["partition"]): sample.value
        for sample in family.samples
        if sample.labels["pipeline"] == "lag"
    }


async def measured(watch: LagWatch, monkeypatch: pytest.MonkeyPatch, *taken_in: dict[TP, int]) -> None:
    """Let *watch* measure once for each of *taken_in*."""
    monkeypatch.setattr("agents.lag.INTERVAL_S", 0.0)
    left = [*taken_in]
    done = asyncio.Event()

    def positions() -> dict[TP, int]:
        if not left:
            done.set()
            return taken_in[-1]
        return left.pop(0)

    app: Any = App()
    watching = asyncio.create_task(watch.watch(app, dict, positions))
    await asyncio.wait_for(done.wait(), 30)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


async def test_sources_that_are_taken_in_are_measured_without_any_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch = LagWatch(WorkerMetrics("lag", "lag.log"), 60.0)

    await measured(watch, monkeypatch, {EVENTS_0: 40, EVENTS_1: 100, LABELS_0: 99})

    assert watch.lags == {EVENTS_0: 60, EVENTS_1: 0, LABELS_0: 1}
    assert shown() == {("lag.events", "0"): 60, ("lag.events", "1"): 0, ("lag.labels", "0"): 1}


async def test_a_source_that_was_given_away_is_shown_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = LagWatch(WorkerMetrics("lag", "lag.log"), 60.0)

    await measured(watch, monkeypatch, {EVENTS_0: 40, LABELS_0: 99}, {LABELS_0: 100})

    assert watch.lags == {LABELS_0: 0}
    assert shown()["lag.labels", "0"] == 0
    assert ("lag.events", "0") not in shown()


async def test_a_worker_without_partitions_shows_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_there(_: Any) -> dict[str, list[int]]:
        return {}

    monkeypatch.setattr("agents.lag.partitions_by_topic", is_there)
    monkeypatch.setattr("agents.lag.raw_producer", lambda _: None)
    watch = LagWatch(WorkerMetrics("lag", "lag.log"), 60.0)

    await measured(watch, monkeypatch, {EVENTS_0: 40, LABELS_0: 99}, {})

    assert watch.lags == {}
    assert not {("lag.events", "0"), ("lag.labels", "0")} & shown().keys()

"""A consumer of hot topics whose Kafka is in memory."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from faust.types import TP

from streams import transport
from streams.app import AppSettings, build_app
from streams.transport import ChunkConsumer
from tests.unit.streams.delivery import Bench, Log, Prepare, nothing
from tests.unit.streams.ownership import Owner


@pytest.fixture
async def prepare(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Return what makes a bench; all its partitions are assigned and owned."""
    monkeypatch.setattr(transport, "BUFFER_FULL_PAUSE_S", 0.0)
    app = build_app(AppSettings(bootstrap="127.0.0.1:1", group="unit"))
    app.hot_topics = frozenset({"hot"})
    app.consumer_generation_id = 1
    consumer = app.consumer
    assert isinstance(consumer, ChunkConsumer)
    consumer._thread.thread_loop.close()
    consumer._on_partitions_revoked = nothing

    async def make(lengths: Mapping[TP, int], fetch: int = 100) -> Bench:
        log = Log(lengths, fetch)
        consumer._thread = log  # type: ignore[assignment]
        consumer._set_active_tps(set(lengths))
        owner = Owner()
        app.partitions = owner.partitions
        await owner.own(*(tp for tp in lengths if tp.topic == "hot"))
        return Bench(consumer, log, app, owner)

    return make

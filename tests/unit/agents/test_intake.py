"""The intake agent: what it tells the app, what it writes, and what it buries."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from faust.types import TP

from agents import intake
from headrace.errors import DeclarationError
from headrace.intake import InletCounts, LogSource, Router
from schemas import log
from streams.acknowledgements import Acknowledgements
from streams.app import AppSettings, build_app
from streams.chunking import FIRST_RECORDS
from streams.intake import LogOutbox
from tests.folding import Kept, Reading, declare
from tests.unit.streams.producer import FakeProducer

PIPELINE = declare()
EVENTS = LogSource("event", "readings", Reading, key="id")
LABELS = LogSource("label", "labels", key="event")


async def written(source: LogSource, records: list[Kept], partition: int = 5) -> tuple[FakeProducer, Any]:
    """Return what an inlet sends, and what it counts."""
    producer, seen = FakeProducer(), []

    def observe(tp: TP, counts: InletCounts) -> None:
        seen.append((tp, counts.taken, counts.filtered, counts.dead))

    outbox = LogOutbox(lambda: producer)  # type: ignore[arg-type, return-value]
    inlet = intake.SourceInlet(PIPELINE, Router(source, 4), partition, observe)
    inlet.process(records, outbox)
    outbox.tell(Acknowledgements(), records[-1].offset + 1)
    await outbox.send()
    return producer, seen


async def test_sources_are_read_in_chunks_beside_what_is_read_so_already() -> None:
    app = build_app(AppSettings(bootstrap="127.0.0.1:1", group="unit"))
    app.hot_topics = frozenset({"t.log"})
    partitions = intake.attach(app, PIPELINE, [EVENTS, LABELS], log_partitions=4)
    assert app.hot_topics == {"t.log", "readings", "labels"}
    assert app.intake is partitions
    assert "t.intake" in app.agents
    assert app.positions() == {}
    assert app.chunk_size(TP("readings", 0)) == FIRST_RECORDS


def test_sources_that_cannot_make_one_log_are_refused() -> None:
    app = build_app(AppSettings(bootstrap="127.0.0.1:1", group="unit"))
    with pytest.raises(DeclarationError, match="is the log itself"):
        intake.attach(app, PIPELINE, [LogSource("event", "t.log", Reading)], log_partitions=4)


async def test_records_of_the_log_tell_where_they_come_from() -> None:
    records = [Kept(3, b'{"event": "e1", "y": true}'), Kept(8, b'{"y": false, "event": "e1"}')]
    producer, seen = await written(LABELS, records)
    [batch] = producer.sent
    assert batch.topic == "t.log"
    assert [record.key for record in batch.records] == [b"e1", b"e1"]
    first, second = (log.decode(value or b"") for value in batch.values)
    assert msgspec.structs.astuple(second.source) == ("labels", 5, 8)
    assert (first.after, second.after, second.kind) == (-1, 3, "label")
    assert bytes(second.data) == b'{"event":"e1","y":false}'
    assert seen == [(TP("labels", 5), 2, 0, {})]


async def test_a_bad_record_is_buried_with_its_own_bytes_key_and_headers() -> None:
    bad = Kept(4, b'{"id": 3 }', b"\xff", headers=[("trace", b"1")])
    producer, seen = await written(EVENTS, [bad])
    [batch] = producer.sent
    assert (batch.topic, batch.partition) == ("t.dead", 1)
    [record] = batch.records
    letter = json.loads(record.value or b"")
    assert letter["id"] == "t/readings/5/4/dead"
    assert letter["source"] == {"topic": "readings", "partition": 5, "offset": 4}
    assert base64.b64decode(letter["value_b64"]) == bad.value
    assert base64.b64decode(letter["key_b64"]) == bad.key
    assert letter["error"]["path"] == "$.id"
    headers = dict(record.headers)
    assert headers["ce_id"] == letter["id"].encode()
    assert headers["orig-trace"] == b"1"
    assert seen == [(TP("readings", 5), 0, 0, {"type": 1})]


async def test_a_key_too_long_to_travel_on_is_left_out_of_the_letter() -> None:
    long = b"k" * (PIPELINE.limits.key_bytes + 1)
    producer, _ = await written(
        LogSource("event", "readings", Reading), [Kept(4, b'{"id":"e","a":1,"b":2}', long)]
    )
    [record] = producer.sent[0].records
    assert record.key is None
    assert json.loads(record.value or b"")["error"]["type"] == "key"

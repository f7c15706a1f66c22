"""A record of a source becomes one of the log: checked, canonical, keyed, in its partition."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from aiokafka.partitioner import DefaultPartitioner

from headrace import Event
from headrace.errors import DeclarationError
from headrace.intake import Inlet, LogSource, Router, check_sources
from schemas import Limits, Refusal, log
from tests.folding import Kept


class Payment(Event):
    country: str
    amount: float
    n: int | None = None


class Airport(msgspec.Struct):
    code: str
    temp: float


PAYMENTS = LogSource("event", "payments", Payment, key="country")
WEATHER = LogSource("lookup:weather", "weather", Airport, key="code", to_all=True)


def value(**fields: Any) -> bytes:
    return json.dumps({"id": "p1", "country": "DE", "amount": 3, **fields}).encode()


def refusal(source: LogSource, given: bytes, key: bytes | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        Router(source, 4).route(key, given, 0)
    return caught.value


def test_the_key_is_that_of_the_field_and_the_partition_the_one_of_kafkas_clients() -> None:
    router = Router(PAYMENTS, 8)
    for country in ("DE", "FR", "ÅL", "a rather long name"):
        for _ in range(2):
            routed = router.route(b"another", value(country=country), 0)
            assert routed is not None
            assert routed.key == country.encode()
            [partition] = routed.partitions
            assert partition == DefaultPartitioner()(country.encode(), list(range(8)), [])


def test_without_a_field_the_key_of_the_record_stays() -> None:
    routed = Router(LogSource("event", "payments", Payment), 8).route(b"k", value(), 0)
    assert routed is not None
    assert routed.key == b"k"


def test_an_event_without_any_key_stays_with_those_beside_it() -> None:
    router = Router(LogSource("event", "payments", Payment), 3)
    places = [router.route(None, value(), partition) for partition in range(5)]
    assert [routed.partitions for routed in places if routed is not None] == [(0,), (1,), (2,), (0,), (1,)]


@pytest.mark.parametrize(("given", "text"), [(7, b"7"), (2.5, b"2.5"), ("a b", b"a b"), (True, b"True")])
def test_a_key_is_written_as_send_writes_it(given: Any, text: bytes) -> None:
    routed = Router(LogSource("label", "labels", key="k"), 4).route(
        None, json.dumps({"k": given}).encode(), 0
    )
    assert routed is not None
    assert routed.key == text


def test_rows_of_a_table_go_to_every_partition_of_the_log() -> None:
    routed = Router(WEATHER, 3).route(None, b'{"temp": 3, "code": "JFK"}', 0)
    assert routed is not None
    assert routed == (b"JFK", (0, 1, 2), b'{"code":"JFK","temp":3.0}')


def test_a_tombstone_deletes_a_row_and_is_left_out_elsewhere() -> None:
    assert Router(WEATHER, 2).route(b"JFK", None, 0) == (b"JFK", (0, 1), log.DELETED)
    assert Router(PAYMENTS, 2).route(b"DE", None, 0) is None


def test_what_has_no_key_and_needs_one_is_refused() -> None:
    labels = LogSource("label", "labels", key="event")
    assert refusal(labels, b'{"y": true}').reason == "key"
    assert refusal(labels, b'{"event": [1]}').path == "$.event"
    assert refusal(LogSource("label", "labels"), b"{}").reason == "key"
    with pytest.raises(Refusal, match="expected a key"):
        Router(WEATHER, 2).route(None, None, 0)


def test_a_key_beyond_its_limit_is_refused() -> None:
    with pytest.raises(Refusal, match="at most 2 bytes"):
        Router(PAYMENTS, 2, Limits(key_bytes=2)).route(None, value(country="DEU"), 0)


def test_a_value_that_is_not_valid_is_refused_with_its_reason() -> None:
    assert refusal(PAYMENTS, value(amount="much")).path == "$.amount"
    assert refusal(PAYMENTS, b"{").reason == "json"


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: LogSource("events", "payments"), "has the kind 'events'"),
        (lambda: LogSource("lookup:", "weather"), "has the kind"),
        (lambda: LogSource("event", "pay ments"), "not valid as a topic name"),
        (lambda: LogSource("event", "payments", Payment, key="land"), "no field 'land'"),
        (lambda: check_sources([PAYMENTS, WEATHER, PAYMENTS], "p.log"), "declared twice"),
        (lambda: check_sources([LogSource("event", "p.log")], "p.log"), "is the log itself"),
    ],
)
def test_sources_that_cannot_work_are_refused_when_they_are_declared(declare: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        declare()


def test_a_type_that_no_model_can_take_is_refused_by_name() -> None:
    class Nested(Event):
        inner: list[int]

    with pytest.raises(DeclarationError, match="Nested of topic 'payments'"):
        Router(LogSource("event", "payments", Nested), 2)


def test_an_inlet_writes_what_the_log_holds_and_tells_what_it_did() -> None:
    values = [value(country="DE"), b"{", value(country="FR", id="p2"), None, value(country="DE", id="p3")]
    records = [Kept(10 + 2 * n, given, timestamp=1_000 + n) for n, given in enumerate(values)]
    put: list[tuple[int, bytes | None, bytes, int]] = []
    dead: list[tuple[int, bytes, str]] = []

    counts = Inlet(Router(PAYMENTS, 1), 5).step_chunk(
        records, lambda *row: put.append(row), lambda r, v, why: dead.append((r.offset, v, why.reason))
    )

    assert (counts.taken, counts.filtered, counts.dead) == (3, 1, {"json": 1})
    assert dead == [(12, b"{", "json")]
    assert [(p, key, t) for p, key, _, t in put] == [(0, b"DE", 1000), (0, b"FR", 1002), (0, b"DE", 1004)]
    found = [log.decode(written) for _, _, written, _ in put]
    assert [(r.kind, *msgspec.structs.astuple(r.source), r.after, r.timestamp_ms) for r in found] == [
        ("event", "payments", 5, 10, -1, 1000),
        ("event", "payments", 5, 14, 10, 1002),
        ("event", "payments", 5, 18, 14, 1004),
    ]
    assert bytes(found[0].data) == b'{"id":"p1","country":"DE","amount":3.0}'


def test_rows_for_all_partitions_are_chained_in_each() -> None:
    put: list[tuple[int, int]] = []
    records = [Kept(n, b'{"code":"A","temp":1}') for n in (3, 7)]
    inlet = Inlet(Router(WEATHER, 2), 0)
    inlet.step_chunk(records, lambda p, _, v, __: put.append((p, log.decode(v).after)), pytest.fail)
    assert put == [(0, -1), (1, -1), (0, 3), (1, 3)]

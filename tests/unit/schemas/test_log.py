"""Records of the log are plain JSON, and what is none is refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Refusal, Source, log
from schemas.log import LogRecord

GOOD: dict[str, Any] = {
    "kind": "event",
    "source": {"topic": "payments", "partition": 2, "offset": 17},
    "after": 12,
    "timestamp_ms": 1_700_000_000_000,
    "data": {"id": "p1"},
}


def test_a_record_is_json_that_any_client_can_read() -> None:
    record = LogRecord("event", Source("payments", 2, 17), 12, 1_700_000_000_000, msgspec.Raw(b'{"id":"p1"}'))
    assert json.loads(log.encode(record)) == GOOD
    assert log.encode(record) == json.dumps(GOOD, separators=(",", ":")).encode()


@given(
    st.sampled_from(["event", "label", "feedback", "lookup:weather", "lookup:a.b-c_1"]),
    st.integers(0, 1 << 40),
    st.integers(0, 1 << 40),
    st.integers(-1, 1 << 45),
    st.dictionaries(st.text(), st.floats(-1e9, 1e9) | st.text()),
)
def test_a_record_comes_back_with_the_bytes_of_its_data(
    kind: str, a: int, b: int, timestamp_ms: int, row: dict[str, Any]
) -> None:
    data = json.dumps(row).encode()
    after, offset = min(a, b) - 1, max(a, b)
    record = LogRecord(kind, Source("t", 0, offset), after, timestamp_ms, msgspec.Raw(data))
    found = log.decode(log.encode(record))
    assert (found.kind, found.source, found.after, found.timestamp_ms) == (
        kind,
        Source("t", 0, offset),
        after,
        timestamp_ms,
    )
    assert bytes(found.data) == data


def test_a_deleted_row_is_null() -> None:
    record = log.decode(json.dumps(GOOD | {"kind": "lookup:weather", "data": None}).encode())
    assert bytes(record.data) == log.DELETED


@pytest.mark.parametrize(
    ("value", "path", "says"),
    [
        (b"", "$", "empty value"),
        (b"\xff", "$", "UTF-8"),
        (b"[]", "$", "a record of intake"),
        (json.dumps({"id": "p1", "amount": 3}).encode(), "$", "missing required field `kind`"),
        (json.dumps(GOOD | {"kind": "news"}).encode(), "$.kind", "lookup:<name>, got 'news'"),
        (json.dumps(GOOD | {"kind": "lookup:"}).encode(), "$.kind", "lookup:<name>"),
        (json.dumps(GOOD | {"after": 17}).encode(), "$.after", "after < offset"),
        (json.dumps(GOOD | {"after": -2}).encode(), "$.after", "-1 <= after"),
        (json.dumps(GOOD | {"after": "x"}).encode(), "$.after", "Expected `int`"),
        (
            json.dumps(GOOD | {"source": {"topic": "p", "partition": -1, "offset": 17}}).encode(),
            "$.after",
            "-1",
        ),
        (json.dumps(GOOD | {"source": {"topic": "p", "partition": 0}}).encode(), "$.source", "offset"),
    ],
)
def test_what_intake_did_not_write_is_refused_with_the_place_at_fault(
    value: bytes, path: str, says: str
) -> None:
    with pytest.raises(Refusal) as caught:
        log.decode(value)
    assert caught.value.reason == "log"
    assert caught.value.path == path
    assert says in str(caught.value)


def test_fields_that_a_later_version_adds_are_no_fault() -> None:
    assert log.decode(json.dumps(GOOD | {"more": 1}).encode()).after == 12

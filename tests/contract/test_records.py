"""aiokafka's batches and fetched records, which we build and read past its public names, do what we think."""

from __future__ import annotations

from typing import Any

import aiokafka
import pytest
from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from streams import fetched, transport

CRC_AT, CRC_OF = 17, 21
"""Where the checksum of a batch stands, and where begins what it sums up."""


class Producer:
    """Makes batches as aiokafka's producer does."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_size, 0)


def batch_of(*values: bytes, header: str = "h", first_offset: int = 0) -> bytes:
    """Return what a broker stores of a batch of *values*."""
    batch = transport.Batch(Producer(1 << 20))
    for value in values:
        assert batch.put(batch.n_records, 1_000, b"k", value, [(header, b"v")]) is not None
        batch.n_records += 1
    closed = batch.close()
    assert closed.closed(), "relied upon: nothing is added to a batch that was handed over"
    assert closed.record_count() == len(values), "relied upon: sequence numbers follow from the count"
    return first_offset.to_bytes(8, "big") + bytes(closed._build())[8:]


def records_of(stored: bytes, topic: str, fetch_offset: int = 0) -> list[Any]:
    """Return what aiokafka makes of fetched bytes, as its fetcher does."""
    return list(
        fetcher.PartitionRecords(
            TopicPartition(topic, 0),
            fetcher.MemoryRecords(stored),
            [],
            fetch_offset,
            None,
            None,
            True,
            fetcher.READ_UNCOMMITTED,
        )
    )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our way of reading records, for one test."""
    for name in ("PartitionRecords", "MemoryRecords"):
        monkeypatch.setattr(fetcher, name, getattr(fetcher, name))  # put back afterwards
    fetched.install(frozenset({"hot"}))


def test_a_batch_put_together_past_aiokafkas_checks_reads_like_any_other() -> None:
    records = records_of(batch_of(b"a", b"b", b"c"), "any")
    assert [(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records] == [
        (n, 1_000, b"k", value, [("h", b"v")]) for n, value in enumerate([b"a", b"b", b"c"])
    ]


def test_a_full_batch_says_so_and_the_first_record_always_fits() -> None:
    batch = transport.Batch(Producer(100))
    assert batch.put(0, 1_000, None, b"x" * 1_000, []) is not None
    batch.n_records = 1
    assert batch.put(1, 1_000, None, b"y", []) is None
    assert [r.value for r in records_of(bytes(batch.close()._build()), "any")] == [b"x" * 1_000]


@pytest.mark.usefixtures("installed")
def test_records_of_hot_topics_come_as_parsed_with_the_fields_of_ordinary_ones() -> None:
    stored = batch_of(b"a", b"b") + batch_of(b"c", first_offset=2)

    light, ordinary = records_of(stored, "hot"), records_of(stored, "other")

    assert isinstance(ordinary[0], aiokafka.ConsumerRecord)
    assert not isinstance(light[0], aiokafka.ConsumerRecord), "relied upon: the parsed record comes as it is"
    for name in ("offset", "key", "value", "timestamp", "timestamp_type"):
        assert [getattr(r, name) for r in light] == [getattr(r, name) for r in ordinary]
    assert [list(r.headers) for r in light] == [list(r.headers) for r in ordinary]


@pytest.mark.usefixtures("installed")
def test_reading_begins_at_the_offset_that_was_asked_for_amid_a_batch() -> None:
    assert [r.offset for r in records_of(batch_of(b"a", b"b", b"c"), "hot", fetch_offset=1)] == [1, 2]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("topic", ["hot", "other"])
def test_a_header_whose_name_is_not_utf8_ends_nothing_and_every_record_comes_once(topic: str) -> None:
    odd = bytearray(batch_of(b"c", b"d", header="hXXh", first_offset=2).replace(b"hXXh", b"h\xff\xfeh"))
    odd[CRC_AT:CRC_OF] = calc_crc32c(bytes(odd[CRC_OF:])).to_bytes(4, "big")
    stored = batch_of(b"a", b"b") + bytes(odd) + batch_of(b"e", first_offset=4)

    records = records_of(stored, topic)

    assert [(r.offset, r.value) for r in records] == list(enumerate([b"a", b"b", b"c", b"d", b"e"]))
    assert [next(iter(r.headers))[0] for r in records] == ["h", "h", "h\\xff\\xfeh", "h\\xff\\xfeh", "h"]

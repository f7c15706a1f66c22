"""The records of a fetch: as they were parsed where a topic is hot, and whatever their headers are called.

Touches private parts of aiokafka; ``tests/contract/test_records.py`` asserts each of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT = 8
_HEAD_BYTES = 12
"""Base offset and length, which does not count them, stand before each batch."""


class HotRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka has no types
    """Records of one partition from one fetch.

    Those of hot topics are given as they were parsed: with ``offset``, ``key``, ``value``, ``timestamp``,
    ``timestamp_type`` and ``headers`` only. Making a ``ConsumerRecord`` of each costs twice as much.

    A header's name that is not UTF-8 would end every fetch with an error, for ever. Such a fetch is read on
    in Python from where the error came, odd bytes escaped.
    """

    hot_topics: frozenset[str] = frozenset()
    _records: Any

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = self._records_iterator
        return found

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record if tp.topic in self.hot_topics else super()._consumer_record(tp, record)

    def _unpack_records(self) -> Iterator[Any]:
        content = getattr(self._records, "content", None)
        try:
            yield from super()._unpack_records()
        except (UnicodeDecodeError, CorruptRecordException) as error:
            if content is None or not isinstance(error.__cause__ or error, UnicodeDecodeError):
                raise
            self._records = _TolerantBatches(content, self.next_fetch_offset)
            yield from super()._unpack_records()


def install(hot_topics: frozenset[str]) -> None:
    """Make all consumers of this process, made from now on, read records in this way."""
    HotRecords.hot_topics = hot_topics
    fetcher.PartitionRecords = HotRecords
    fetcher.MemoryRecords = _RawRecords


class _RawRecords(MemoryRecords):  # type: ignore[misc] # as above
    """Keeps the bytes that it parses."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.content = content


class _TolerantBatches:
    """The batches of *content* that hold offsets from *offset* on, read in Python."""

    def __init__(self, content: bytes, offset: int) -> None:
        self._batches = [batch for batch in _batches(content) if batch.next_offset > offset]

    def has_next(self) -> bool:
        return bool(self._batches)

    def next_batch(self) -> Any:
        return self._batches.pop(0)


def _batches(content: bytes) -> Iterator[Any]:
    at = 0
    while at + _HEAD_BYTES <= len(content):
        (length,) = struct.unpack_from(">i", content, at + _LENGTH_AT)
        end = at + _HEAD_BYTES + length
        if end > len(content):  # a fetch may end within a batch
            return
        yield _TolerantBatch(bytearray(content[at:end]))
        at = end


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc] # as above
    _buffer: Any

    def __iter__(self) -> Any:
        self._maybe_uncompress()
        self._buffer = _Buffer(self._buffer)
        return self


class _Buffer(bytearray):
    """Gives slices that decode whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Name(found) if isinstance(at, slice) else found


class _Name(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)

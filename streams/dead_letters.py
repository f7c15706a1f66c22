"""The dead letters of a pipeline: read from their topic, and sent back to where they came from."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from schemas import DeadLetter
from streams import reading
from streams.topics import dead_topic

RETRY_HEADER = "headrace-retry-of"
"""Names the dead letter that a record was sent back from."""

_ORIGINAL = "orig-"
_decode = msgspec.json.Decoder(DeadLetter).decode


class Found(NamedTuple):
    """A dead letter and the headers that its record had."""

    letter: DeadLetter
    headers: list[tuple[str, bytes | None]]

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        return None if self.letter.key_b64 is None else base64.b64decode(self.letter.key_b64)

    @property
    def value(self) -> bytes | None:
        """The record's value, ``None`` if it was too large to be kept."""
        return None if self.letter.value_b64 is None else base64.b64decode(self.letter.value_b64)

    @property
    def retry_of(self) -> str | None:
        """Id of the dead letter that the record was sent back from, if it was."""
        given = [content for name, content in self.headers if name == RETRY_HEADER]
        return None if not given or given[-1] is None else given[-1].decode(errors="replace")

    @property
    def place(self) -> str:
        """Where the record stands, for people."""
        source = self.letter.source
        return f"{source.topic}[{source.partition}]@{source.offset}"


async def read(consumer: AIOKafkaConsumer, pipeline: str) -> list[Found]:
    """Return the dead letters of *pipeline*, oldest first, each id once; anything else there is skipped."""
    found: dict[str, Found] = {}
    tps = await reading.require(consumer, dead_topic(pipeline))
    await reading.seek(consumer, tps, last=None, since_s=None)
    async for record in reading.records(consumer, follow=False):
        try:
            letter = _decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        found[letter.id] = Found(letter, _original(record))
    return sorted(found.values(), key=_age)


def _original(record: ConsumerRecord) -> list[tuple[str, bytes | None]]:
    return [(k.removeprefix(_ORIGINAL), v) for k, v in record.headers if k.startswith(_ORIGINAL)]


def _age(found: Found) -> tuple[int, str, int, int]:
    source = found.letter.source
    return found.letter.timestamp_ms, source.topic, source.partition, source.offset


def open_ones(found: Iterable[Found]) -> list[Found]:
    """Return those of *found* that were not sent back in vain: for these the newer letter stands."""
    found = list(found)
    superseded = {one.retry_of for one in found}
    return [one for one in found if one.letter.id not in superseded]


async def send_back(producer: AIOKafkaProducer, found: Iterable[Found], repaired: bytes | None = None) -> int:
    """Send records to their topic and partition, with the key and headers they had; return how many.

    The value is the one they had, or *repaired*; a record that has neither is left out. Within a partition
    they keep their order. Their time is now: Kafka deletes old records by it.
    """
    n = 0
    for one in sorted(found, key=lambda one: (one.letter.source.partition, one.letter.source.offset)):
        value = one.value if repaired is None else repaired
        if value is not None:
            headers = [(name, content) for name, content in one.headers if name != RETRY_HEADER]
            await producer.send(
                one.letter.source.topic,
                value,
                key=one.key,
                partition=one.letter.source.partition,
                headers=[*headers, (RETRY_HEADER, one.letter.id.encode())],
            )
            n += 1
    await producer.flush()
    return n

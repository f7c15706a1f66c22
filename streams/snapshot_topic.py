"""Snapshots in a compacted topic: each slot is a key, so Kafka keeps the newest of each."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping

import aiokafka
import msgspec
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from headrace import failpoints
from headrace.errors import SnapshotError
from streams.kafka_ports import TailReader
from streams.ports import Stored

PART_BYTES = 900 << 10
"""A record stays below Kafka's usual limit of 1 MiB."""

WRITE_TIMEOUT_S = 30.0

_PARTS = "headrace-parts"
_STAMP = "headrace-stamp"


class _Manifest(msgspec.Struct, frozen=True):
    """Says which parts make a snapshot; written after them."""

    parts: int
    stamp: str
    sha256: str


class SnapshotTopic:
    """Stores snapshots under the keys ``LANE/PARTITION/SLOT`` and, in several records, ``.../PART``.

    Parameters
    ----------
    topic, lane
        Where, and for whom.
    reader
        Reads the topic.
    producer
        Gives the started producer.
    """

    def __init__(
        self,
        topic: str,
        reader: TailReader,
        producer: Callable[[], aiokafka.AIOKafkaProducer],
        *,
        lane: str = "main",
    ) -> None:
        self._topic = topic
        self._lane = lane
        self._reader = reader
        self._producer = producer

    async def write(self, partition: int, slot: str, blob: bytes) -> str:
        """Write durably; return the offset of the first record as a note.

        Raises
        ------
        SnapshotError
            If the brokers did not acknowledge it.
        """
        key = self._key(partition, slot)
        if len(blob) <= PART_BYTES:
            return str(await self._put(partition, key, blob, {}))
        stamp = os.urandom(8).hex()
        parts = [blob[i : i + PART_BYTES] for i in range(0, len(blob), PART_BYTES)]
        first = -1
        for i, part in enumerate(parts):
            offset = await self._put(partition, f"{key}/{i}", part, {_STAMP: stamp})
            first = offset if first < 0 else first
        manifest = _Manifest(len(parts), stamp, hashlib.sha256(blob).hexdigest())
        await self._put(partition, key, msgspec.json.encode(manifest), {_PARTS: str(len(parts))})
        return str(first)

    async def read(self, partition: int, slots: str = "", note: str = "") -> list[Stored]:
        """Return what is whole in slots whose name starts with *slots*; with a *note*, written since then."""
        records = await self._reader.read(self._topic, partition, int(note) if note.isdecimal() else 0)
        return list(self.stored(partition, records, slots))

    def stored(self, partition: int, records: Iterable[ConsumerRecord], slots: str = "") -> list[Stored]:
        """Return the snapshots that *records* hold whole."""
        newest: dict[str, ConsumerRecord] = {record.key.decode(): record for record in records if record.key}
        prefix = self._key(partition, slots)
        found = []
        for key, record in newest.items():
            if key.startswith(prefix) and key.count("/") == 2 and record.value is not None:
                blob = _whole(key, record, newest)
                if blob is not None:
                    found.append(Stored(key.rpartition("/")[2], blob))
        return found

    async def delete(self, partition: int, slot: str) -> None:
        """Forget a slot, its parts as well."""
        key = self._key(partition, slot)
        for record in await self._reader.read(self._topic, partition, 0):
            name = (record.key or b"").decode()
            if record.value is not None and (name == key or name.startswith(f"{key}/")):
                await self._put(partition, name, None, {})

    def _key(self, partition: int, slot: str) -> str:
        return f"{self._lane}/{partition}/{slot}"

    async def _put(self, partition: int, key: str, value: bytes | None, headers: Mapping[str, str]) -> int:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                sent = await self._producer().send(
                    self._topic,
                    value,
                    key=key.encode(),
                    partition=partition,
                    headers=[(name, text.encode()) for name, text in headers.items()],
                )
                if failpoints.armed:
                    failpoints.reach("during_snapshot_write")
                written = await sent
        except (KafkaError, TimeoutError) as error:
            raise SnapshotError(
                "not_stored",
                f"a snapshot could not be written to {self._topic}",
                why=f"{type(error).__name__}: {error}",
                fix="the next one is tried again; a restart replays more until one is written",
            ) from error
        offset: int = written.offset
        return offset


def _whole(key: str, record: ConsumerRecord, newest: Mapping[str, ConsumerRecord]) -> bytes | None:
    """Return the blob of a slot, or ``None`` if parts of it are missing or of another snapshot."""
    value: bytes = record.value
    if _PARTS not in dict(record.headers):
        return value
    try:
        manifest = msgspec.json.decode(value, type=_Manifest)
    except msgspec.MsgspecError:
        return None
    parts = [newest.get(f"{key}/{i}") for i in range(manifest.parts)]
    stamp = manifest.stamp.encode()
    whole = [part.value for part in parts if part is not None and dict(part.headers).get(_STAMP) == stamp]
    blob = b"".join(value for value in whole if value is not None)
    return blob if hashlib.sha256(blob).hexdigest() == manifest.sha256 else None

"""Which records beyond the frontier another version of the pipeline has answered, before it ended."""

from __future__ import annotations

import msgspec
from faust.types import TP

from headrace.pipeline import Pipeline
from schemas.results import Source
from streams.kafka_ports import TailReader
from streams.topics import dead_topic, predictions_topic

BLOCK = 20_000
"""So many results are read at first: more than a worker publishes between two commits."""

_MOST = 16 * BLOCK


class _Result(msgspec.Struct):
    id: str
    pipeline: str
    source: Source

    @property
    def made_at(self) -> int:
        """Offset of the record that made it: of its event, but for one that had to wait."""
        return int(self.id.split("/")[-2])


_decode = msgspec.json.Decoder(_Result).decode


class Answered:
    """Reads results and dead letters back from their end.

    With at-least-once delivery a worker that is killed leaves results that no commit covers. Its own version
    publishes them again with the same bytes; another version must leave those events alone.
    """

    def __init__(self, pipeline: Pipeline, reader: TailReader) -> None:
        self._pipeline = pipeline
        self._reader = reader

    async def __call__(self, tp: TP, frontier: int) -> frozenset[int]:
        """Return the offsets of *tp*, from *frontier* on, that have a result of another version."""
        name = self._pipeline.name
        found: set[int] = set()
        for topic in (predictions_topic(name), dead_topic(name)):
            found |= await self._beyond(topic, tp, frontier)
        return frozenset(found)

    async def _beyond(self, topic: str, tp: TP, frontier: int) -> set[int]:
        """Read further back until the older half holds nothing from *frontier* on."""
        start, n = await self._reader.start(topic, tp.partition), BLOCK
        while True:
            records = await self._reader.read_last(topic, tp.partition, n)
            results = [result for record in records if (result := _result(record.value)) is not None]
            older = results[: len(results) // 2]
            is_all = not records or records[0].offset <= start or n >= _MOST
            if is_all or all(result.made_at < frontier for result in older):
                break
            n *= 2
        return {
            result.made_at
            for result in results
            if result.made_at >= frontier
            and result.source.topic == tp.topic
            and result.pipeline != self._pipeline.label
        }


def _result(value: bytes | None) -> _Result | None:
    try:
        found = _decode(value or b"")
        is_ours = found.made_at >= 0
    except (msgspec.MsgspecError, ValueError, IndexError):  # it is nothing that a worker has written
        return None
    return found if is_ours else None

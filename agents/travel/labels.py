"""The labels of a log, for whoever goes through it in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer

from agents.travel import log
from headrace.pipeline import Pipeline
from schemas import Refusal


class Labels:
    """The labels of a pipeline's log, asked for in the order of the log."""

    def __init__(self, pipeline: Pipeline, consumer: AIOKafkaConsumer) -> None:
        self.pipeline = pipeline
        self._consumer = consumer
        self._parse = pipeline.parse_logged()
        self._records: AsyncIterator[Any] | None = None
        self._next: Any = None

    async def begin(self, partition: int, offset: int) -> None:
        """Go to the first record of *partition* at or after *offset*."""
        start, end = await log.bounds(self._consumer, self.pipeline.log.name, partition)
        self._records = self._flat(partition, max(start, offset), end)
        self._next = await anext(self._records, None)

    async def of(self, offset: int) -> Any:
        """Return the label of the event at *offset*, ``None`` if it has none or is gone."""
        while self._records is not None and self._next is not None and self._next.offset < offset:
            self._next = await anext(self._records, None)
        if self._next is None or self._next.offset > offset or self._next.value is None:
            return None
        try:
            return self._parse(self._next.value)[2]
        except Refusal:
            return None

    async def _flat(self, partition: int, start: int, end: int) -> AsyncIterator[Any]:
        topic = self.pipeline.log.name
        async for _, records in log.read(self._consumer, topic, {partition: (start, end)}):
            for record in records:
                yield record

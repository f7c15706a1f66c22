"""The results of a run, in the order of the log: what can be compared with those of another run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer

from agents.travel import log
from headrace.errors import HeadraceError
from schemas import Prediction

_decode = msgspec.json.Decoder(Prediction).decode
_PIPELINE = b',"pipeline":"'


class Result(NamedTuple):
    """A result: the offset of its event, what it says, and its bytes less the names of run and pipeline."""

    offset: int
    said: Prediction
    compared: bytes


class Results:
    """The results of one partition of a run, each once, by the offset of their events.

    Attributes
    ----------
    repeated
        How many came again; after a crash some do.
    """

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, partition: int) -> None:
        self._consumer = consumer
        self._topic = topic
        self._partition = partition
        self.repeated = 0

    async def read(self, start: int, stop: int) -> AsyncIterator[Result]:
        """Yield the results from offset *start* of their topic to before *stop*."""
        newest = -1
        async for _, records in log.read(self._consumer, self._topic, {self._partition: (start, stop)}):
            for record in records:
                if record.value is None:
                    continue
                result = self._result(record.value, record.offset)
                if result.offset <= newest:
                    self.repeated += 1
                else:
                    newest = result.offset
                    yield result

    def _result(self, value: bytes, offset: int) -> Result:
        try:
            said, bytes_compared = _decode(value), compared(value)
        except (msgspec.DecodeError, ValueError) as error:
            raise HeadraceError(
                f"{self._topic} holds something else than results",
                why=f"partition {self._partition}, offset {offset}: {error}",
                fix="name the topic of predictions, or the run that wrote it",
            ) from error
        return Result(said.source.offset, said, bytes_compared)


def compared(value: bytes) -> bytes:
    """Return *value*, an encoded result, less its id and the name of its pipeline.

    A quote inside a text is escaped, so what stands between the fields stands nowhere else.
    """
    after_id = value.index(b'"', len(b'{"id":"')) + 1
    before = value.index(_PIPELINE, after_id)
    after = value.index(b'"', before + len(_PIPELINE)) + 1
    return value[after_id:before] + value[after:]

"""The results of a run, in the order of the log: what can be compared with those of another run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, TypeAlias

import msgspec
from aiokafka import AIOKafkaConsumer

from agents.travel import log
from headrace.errors import HeadraceError
from schemas import Prediction

_decode = msgspec.json.Decoder(Prediction).decode
_PIPELINE = b',"pipeline":"'


Place: TypeAlias = tuple[int, int]
"""Offsets of the record that made a result, and of its event: the same, but for an event that waited."""


class Result(NamedTuple):
    """A result: the offset of its event, what it says, and its bytes less the names of run and pipeline."""

    offset: int
    said: Prediction
    compared: bytes
    place: Place


def place_of(result_id: str) -> Place:
    """Return where the result called *result_id* stands among those of its partition.

    Raises
    ------
    ValueError
        If no worker calls a result so.
    """
    _, offset, step = result_id.rsplit("/", 2)
    _, _, event = step.partition(".")
    return int(offset), int(event or offset)


async def ordered(results: AsyncIterator[Result], repeats: Callable[[], None]) -> AsyncIterator[Result]:
    """Yield *results*, which come as one log made them, by their places; what *repeats* another is told."""
    newest = -1
    together: dict[Place, Result] = {}
    async for result in results:
        made_at = result.place[0]
        if made_at < newest or result.place in together:
            repeats()
            continue
        if made_at > newest:
            for place in sorted(together):
                yield together[place]
            newest, together = made_at, {}
        together[result.place] = result
    for place in sorted(together):
        yield together[place]


class Results:
    """The results of one partition of a run, each once, in the order of their places.

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

    def read(self, start: int, stop: int) -> AsyncIterator[Result]:
        """Return the results from offset *start* of their topic to before *stop*."""
        return ordered(self._read(start, stop), self._repeats)

    async def _read(self, start: int, stop: int) -> AsyncIterator[Result]:
        async for _, records in log.read(self._consumer, self._topic, {self._partition: (start, stop)}):
            for record in records:
                if record.value is not None:
                    yield self._result(record.value, record.offset)

    def _repeats(self) -> None:
        self.repeated += 1

    def _result(self, value: bytes, offset: int) -> Result:
        try:
            said = _decode(value)
            return Result(said.source.offset, said, compared(value), _place(said))
        except (msgspec.DecodeError, ValueError) as error:
            raise HeadraceError(
                f"{self._topic} holds something else than results",
                why=f"partition {self._partition}, offset {offset}: {error}",
                fix="name the topic of predictions, or the run that wrote it",
            ) from error


def compared(value: bytes) -> bytes:
    """Return *value*, an encoded result, less its id and the name of its pipeline.

    A quote inside a text is escaped, so what stands between the fields stands nowhere else.
    """
    after_id = value.index(b'"', len(b'{"id":"')) + 1
    before = value.index(_PIPELINE, after_id)
    after = value.index(b'"', before + len(_PIPELINE)) + 1
    return value[after_id:before] + value[after:]


def _place(said: Prediction) -> Place:
    """Return where *said* stands; what another program wrote, at its event."""
    try:
        return place_of(said.id)
    except ValueError:
        return said.source.offset, said.source.offset

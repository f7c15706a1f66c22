"""The demo's two ends: records into the source topic, results and dead letters out of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.demo.flights import Item
from agents.demo.ledger import Ledger
from agents.demo.score import Score
from headrace.errors import HeadraceError
from schemas import DeadLetter, Prediction
from streams import reading
from streams.topics import dead_topic, predictions_topic

AHEAD = 5_000
"""Records sent beyond those answered: enough to keep workers busy, few enough to stop quickly."""

_PAUSE_S = 0.005
_POLL_MS = 50

_decode_prediction = msgspec.json.Decoder(Prediction).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode


class Answers:
    """Reads what the workers publish and joins it with the labels that were fed.

    Parameters
    ----------
    pipeline
        Its name.
    consumer
        Without a group; gets assigned here.
    """

    def __init__(self, pipeline: str, consumer: AIOKafkaConsumer, ledger: Ledger, score: Score) -> None:
        self._predictions = predictions_topic(pipeline)
        self._dead = dead_topic(pipeline)
        self._consumer = consumer
        self._ledger = ledger
        self.labels: dict[str, bool | None] = {}
        self.score = score
        self.last_id = ""

    async def seek_to_end(self) -> None:
        """Start after whatever is there already."""
        tps = await reading.require(self._consumer, self._predictions)
        tps += await reading.require(self._consumer, self._dead)
        await reading.seek(self._consumer, tps, last=0, since_s=None)

    async def read(self) -> None:
        """Read for ever."""
        while True:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for tp, records in fetched.items():
                take = self._letter if tp.topic == self._dead else self._prediction
                for record in records:
                    take(record.value)

    def _letter(self, value: bytes) -> None:
        self._ledger.refused(_decode_letter(value))

    def _prediction(self, value: bytes) -> None:
        found = _decode_prediction(value)
        if not self._ledger.answered(found.source):
            return
        self.last_id = str(found.event_id)
        late = self.labels.pop(self.last_id)
        if late is not None:
            probability = (found.probability or {}).get("true", 0.0)
            self.score.add(late=late, predicted=found.prediction, probability=probability)


async def feed(
    producer: AIOKafkaProducer, topic: str, items: Iterable[Item], answers: Answers, ledger: Ledger
) -> None:
    """Send *items* as fast as the workers keep up and return when Kafka has them all.

    Raises
    ------
    HeadraceError
        If Kafka refuses one.
    """
    for item in items:
        while ledger.waiting >= AHEAD:  # noqa: ASYNC110 - the books are kept by callbacks and by a reader
            await asyncio.sleep(_PAUSE_S)
        if item.event_id is None:
            ledger.n_broken += 1
        else:
            answers.labels[item.event_id] = item.late
        sent = await producer.send(topic, item.value, key=item.key)
        sent.add_done_callback(ledger.on_ack)
        ledger.sent += 1
        if ledger.error is not None:
            break
    await producer.flush()
    if ledger.error is not None:
        raise HeadraceError("Kafka refused a record of the demo", why=str(ledger.error))

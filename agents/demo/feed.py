"""The demo's two ends: records into the source topic, results and dead letters out of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import date

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from agents.demo.ledger import Ledger
from agents.demo.pace import Pace
from agents.demo.records import Item
from agents.demo.score import Score
from headrace.errors import HeadraceError
from schemas import DeadLetter, Prediction
from streams import reading
from streams.topics import dead_topic, predictions_topic

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
    on_answer
        Told the partition of every record that got its first answer.

    Attributes
    ----------
    labels
        By event id, those of flights that have no answer yet.
    day
        The latest day of departure that was answered.
    """

    def __init__(
        self,
        pipeline: str,
        consumer: AIOKafkaConsumer,
        ledger: Ledger,
        score: Score,
        on_answer: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._predictions = predictions_topic(pipeline)
        self._dead = dead_topic(pipeline)
        self._consumer = consumer
        self._ledger = ledger
        self._score = score
        self._on_answer = on_answer
        self.labels: dict[str, bool | None] = {}
        self.day: date | None = None

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
                    take(record)

    def _letter(self, record: ConsumerRecord) -> None:
        letter = _decode_letter(record.value)
        if self._ledger.answered(letter.source, record.partition, record.value, letter):
            self._on_answer(record.partition)

    def _prediction(self, record: ConsumerRecord) -> None:
        found = _decode_prediction(record.value)
        event_id = str(found.event_id)
        if not self._ledger.answered(found.source, record.partition, record.value):
            return
        self._on_answer(record.partition)
        if event_id not in self.labels:  # another program sent it
            return
        late = self.labels.pop(event_id)
        day = date.fromisoformat(event_id[:10])
        self.day = max(day, self.day or day)
        if late is not None:
            probability = (found.probability or {}).get("true", 0.0)
            self._score.add(late=late, predicted=found.prediction, probability=probability)


async def feed(
    producer: AIOKafkaProducer,
    topic: str,
    items: Iterable[Item],
    answers: Answers,
    ledger: Ledger,
    pace: Pace,
) -> None:
    """Send *items* as *pace* allows and return when Kafka has them all.

    Raises
    ------
    HeadraceError
        If Kafka refuses one.
    """
    for item in items:
        while ledger.sent >= pace():  # noqa: ASYNC110 - the books are kept by callbacks and by a reader
            await asyncio.sleep(_PAUSE_S)
        if item.event_id is not None:
            answers.labels[item.event_id] = item.late
        sent = await producer.send(topic, item.value, key=item.key)
        sent.add_done_callback(ledger.on_ack)
        ledger.sent += 1
        if ledger.error is not None:
            break
    await producer.flush()
    if ledger.error is not None:
        raise HeadraceError("Kafka refused a record of the demo", why=str(ledger.error))

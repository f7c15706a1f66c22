"""The demo's far end: reads all that the workers publish."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from agents.demo.board import Board
from agents.demo.label_book import LabelBook
from agents.demo.ledger import Ledger
from agents.demo.play import Take
from agents.demo.results import Results
from headrace.judge import METRICS
from headrace.truth import LABELS_STATUS
from schemas import DeadLetter, Prediction
from schemas.labels import LabelStatus
from schemas.metrics import MetricsReport
from streams.topics import dead_topic, facts_topic, predictions_topic

_POLL_MS = 50

_decode_prediction = msgspec.json.Decoder(Prediction).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_status = msgspec.json.Decoder(LabelStatus).decode
_decode_report = msgspec.json.Decoder(MetricsReport).decode


class Books(NamedTuple):
    """All that is kept of what went in and what came out."""

    ledger: Ledger
    labels: LabelBook
    results: Results
    board: Board

    @property
    def pending(self) -> int:
        """Flights that were predicted and wait for their label."""
        return max(0, self.ledger.predicted - self.labels.ended - self.labels.expired)


async def read(consumer: AIOKafkaConsumer, take: Mapping[str, Take]) -> None:
    """Read for ever, from where *consumer* stands, and hand each record to what takes its topic."""
    while True:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS)
        for tp, records in fetched.items():
            for record in records:
                take[tp.topic](record)


class Answers:
    """Enters the results of the flights' pipeline in the books.

    Parameters
    ----------
    pipeline
        Its name.
    on_answer
        Told the partition of every departure that got its first answer.
    """

    def __init__(self, pipeline: str, books: Books, on_answer: Callable[[int], None]) -> None:
        self.take: dict[str, Take] = {
            predictions_topic(pipeline): self._prediction,
            dead_topic(pipeline): self._letter,
            facts_topic(pipeline, LABELS_STATUS): self._status,
            facts_topic(pipeline, METRICS): self._report,
        }
        self._books = books
        self._on_answer = on_answer

    def _letter(self, record: ConsumerRecord) -> None:
        letter = _decode_letter(record.value)
        if self._books.ledger.answered(letter.source, record.partition, record.value, letter):
            self._on_answer(record.partition)

    def _prediction(self, record: ConsumerRecord) -> None:
        found = _decode_prediction(record.value)
        if self._books.ledger.answered(found.origin or found.source, record.partition, record.value):
            self._on_answer(record.partition)
            self._books.results.predicted(found)

    def _status(self, record: ConsumerRecord) -> None:
        status = _decode_status(record.value)
        if self._books.labels.told(status, record.partition, record.value):
            self._books.results.labelled(str(status.event_id), late=status.label is True)

    def _report(self, record: ConsumerRecord) -> None:
        self._books.board.take(_decode_report(record.value))

"""The scene of the team while it runs: payments go in, three books are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from aiokafka import AIOKafkaProducer, ConsumerRecord

from agents.demo.ledger import Ledger
from agents.demo.moment import Moment
from agents.demo.pace import Pace, Steady
from agents.demo.play import InLog, Take
from agents.demo.team.feed import feed
from agents.demo.team.news import News
from agents.demo.team.picture import Standing
from agents.demo.team.tally import Tally
from agents.team.pipeline import CHALLENGER, Payment, pipeline
from headrace.judge import ALERTS, METRICS
from headrace.referee import CONTEST
from schemas import DeadLetter, Prediction
from schemas.alerts import AlertEvent
from schemas.contest import ContestEvent
from schemas.metrics import MetricsReport
from streams.topics import dead_topic, facts_topic, predictions_topic

PER_S = 500.0
"""Payments a second: time enough to watch, and little enough for two small workers."""

_EVIDENCE = re.compile(
    rf'^headrace_challenger_evidence_ratio\{{[^}}]*model="{CHALLENGER}"[^}}]*\}} (\S+)$', re.MULTILINE
)

_decode_prediction = msgspec.json.Decoder(Prediction).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_report = msgspec.json.Decoder(MetricsReport).decode
_decode_alert = msgspec.json.Decoder(AlertEvent).decode
_decode_change = msgspec.json.Decoder(ContestEvent).decode


class Payments:
    """Sends payments, and keeps the books of what the workers say.

    Parameters
    ----------
    payments
        In the order in which to send them.

    Attributes
    ----------
    payments
        As given.
    ledger, tally, news
        What came of it.
    """

    pipeline = pipeline

    def __init__(self, payments: Sequence[Payment]) -> None:
        self.payments = payments
        self.total = len(payments)
        self.open({}, {})

    @property
    def is_done(self) -> bool:
        """Whether each payment has its answer."""
        return self.ledger.waiting == 0

    @property
    def n_done(self) -> int:
        """How many payments were answered."""
        return self.ledger.done

    def open(self, source_ends: Mapping[int, int], log_ends: Mapping[int, int]) -> None:
        """Begin the books with what is sent after these offsets of the source, which is the log."""
        self.ledger = Ledger(pipeline.source.name, source_ends)
        self.tally = Tally(self.payments)
        self.news = News()

    def take(self, on_answer: Callable[[int], None]) -> Mapping[str, Take]:
        """Return what reads each topic."""

        def prediction(record: ConsumerRecord) -> None:
            found = _decode_prediction(record.value)
            if self.ledger.answered(found.source, record.partition, record.value):
                on_answer(record.partition)
                self.tally.answered(found)

        def letter(record: ConsumerRecord) -> None:
            found = _decode_letter(record.value)
            if self.ledger.answered(found.source, record.partition, record.value, found):
                on_answer(record.partition)

        return {
            predictions_topic(pipeline.name): prediction,
            dead_topic(pipeline.name): letter,
            facts_topic(pipeline.name, METRICS): lambda record: self.tally.reported(
                _decode_report(record.value)
            ),
            facts_topic(pipeline.name, ALERTS): lambda record: self.news.alerted(
                _decode_alert(record.value), record.value
            ),
            facts_topic(pipeline.name, CONTEST): lambda record: self.news.contested(
                _decode_change(record.value), record.value
            ),
        }

    def pace(self) -> Pace:
        """Return an even pace."""
        return Steady(self.total, self.ledger, lambda: True, per_s=PER_S)

    async def feed(self, producer: AIOKafkaProducer, pace: Pace, _: InLog) -> None:
        """Send all payments, and return when Kafka has them."""
        await feed(producer, self.payments, self.ledger, pace)

    def picture(self, moment: Moment) -> Standing:
        """Return how things stand."""
        return Standing(
            moment=moment,
            done=self.ledger.done,
            total=self.total,
            accuracy=self.tally.newest(),
            weights=self.tally.weights(),
            circuit=self.news.circuit(),
            stands_in=self.tally.stands_in(),
            champions=self.news.champions(),
            evidence=evidence(moment.told),
            n_dead=self.ledger.dead,
            newest=self._newest(),
        )

    def _newest(self) -> Sequence[str]:
        """Return the newest sentences of circuit and contest."""
        return [event.happened for event in self.news.circuits[-1:]] + [
            event.text for event in self.news.contest[-2:]
        ]


def evidence(told: Sequence[str]) -> float:
    """Return the challenger's evidence, in parts of what it needs, where it is greatest, from metrics."""
    return max((float(found) for text in told for found in _EVIDENCE.findall(text)), default=0.0)

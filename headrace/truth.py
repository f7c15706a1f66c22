"""What becomes of answers once the truth is known: labels find their event, models learn and are scored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from headrace.circuits import Circuits
from headrace.event_time import EventClock
from headrace.feedback.asking import Asker
from headrace.feedback_loop import FEEDBACK_STATUS, FeedbackLoop
from headrace.judge import Fact, Judge
from headrace.labels.outcomes import Outcome, Waiter, status_of
from headrace.labels.reading import LabelFault, LabelReader
from headrace.labels.waiting import Waiting
from headrace.record import Counts, Record, Tell
from headrace.referee import Referee
from headrace.sentinel import Sentinel
from headrace.team import Team
from schemas import Answer
from schemas.log import LogRecord

LABELS_STATUS = "labels.status"
"""Of the topic of what became of labels, after the pipeline's name."""

QUESTIONS = "questions"
"""Of the topic of events that are worth a label."""

_encode = msgspec.json.Encoder().encode


class Observers(NamedTuple):
    """Who looks at each answer: for scores, labels, drift, feedback, challengers, models that fail."""

    judge: Judge | None
    asker: Asker | None
    sentinel: Sentinel | None
    loop: FeedbackLoop | None
    referee: Referee | None
    circuits: Circuits | None


class Truth:
    """Scores answers whose label is known, lets others wait for it, and teaches the models when it comes.

    Feedback goes the same way.

    Parameters
    ----------
    late
        Where labels come later, the events that wait and what reads label records.
    observers
        Who looks at each answer.
    team
        Who learns.
    clock
        Event time: what waits is measured by its watermark. ``None``: the time of records.
    place
        Name of the pipeline, name and version, topic and partition of the log.

    Attributes
    ----------
    tell
        Told each fact; ``None``: silence.
    """

    def __init__(
        self,
        late: tuple[Waiting, LabelReader] | None,
        observers: Observers,
        team: Team,
        clock: EventClock | None,
        place: tuple[str, str, str, int],
    ) -> None:
        self.waiting: Waiting | None
        self._reader: LabelReader | None
        self.waiting, self._reader = late or (None, None)
        self.tell: Tell | None = None
        self.judge, self.asker, self.sentinel, self.loop, self._referee, self._circuits = observers
        self._team = team
        self._clock = clock
        self._place = place
        self._key = place[0].encode()

    def event(  # noqa: PLR0913, PLR0917 - the hot path: what the fold holds of an event, as it is
        self,
        record: Record,
        event_id: Any,
        x: dict[Any, Any],
        y: Any,
        step: int,
        final: Answer,
        models: dict[str, Answer] | None,
        counts: Counts,
        event_s: float | None = None,
    ) -> None:
        """Take in an event that was answered; without a label it waits for one.

        *event_s* is its time, if it is not the event that the clock has seen last.
        """
        clock, offset = self._clock, record.offset
        time_s = record.timestamp / 1000.0 if clock is None else clock.event_s
        if event_s is not None:
            time_s = event_s
        if self.judge is not None:
            self._publish(self.judge.answered(y, models, final, x, offset, time_s), record)
        if self._circuits is not None:
            self._publish(self._circuits.facts(offset, time_s), record)
        if self._referee is not None:
            self._referee.score(y, models)
            self._publish(self._referee.facts(offset), record)
        if self.sentinel is not None:
            self.sentinel.see(x, models, final, y)
            self._alarm(self.sentinel, record)
        if self.asker is not None and y is None:
            question = self.asker.consider(event_id, final, models, offset)
            if question is not None and self.tell is not None:
                self.tell(QUESTIONS, question.id, record.key, _encode(question), record)
        if clock is not None and (self.waiting is not None or self.loop is not None):
            waiter = Waiter(x, final, step, offset, record.key, models)
            self._wait((event_id, waiter, y), time_s, clock.watermark_s, record, counts)

    def _wait(
        self,
        event: tuple[Any, Waiter, Any],
        time_s: float,
        watermark_s: float,
        record: Record,
        counts: Counts,
    ) -> None:
        """Let what waits too long go, and *event* wait for a label and for feedback."""
        event_id, waiter, y = event
        if self.waiting is not None:
            for outcome in self.waiting.expire(watermark_s):
                self._end(outcome, record, counts)
            if y is None:
                for outcome in self.waiting.add(event_id, waiter, time_s):
                    self._end(outcome, record, counts)
            else:
                self._settle(self.waiting, event, time_s, record, counts)
        if self.loop is not None:
            self._hear(self.loop.event(event_id, waiter, time_s, watermark_s, counts), record)

    def _settle(
        self,
        waiting: Waiting,
        event: tuple[Any, Waiter, Any],
        time_s: float,
        record: Record,
        counts: Counts,
    ) -> None:
        """Take in an event that brought its label and was learned: a label that comes later is the second."""
        event_id, waiter, y = event
        outcomes = [*waiting.add(event_id, waiter, time_s)]
        if not any(outcome.waiter is waiter or outcome.state == "duplicate" for outcome in outcomes):
            outcomes += waiting.label(event_id, y, record.offset, time_s)
        for outcome in outcomes:
            if outcome.event_offset == record.offset:
                outcome.waiter = None
            self._end(outcome, record, counts)

    def label(self, logged: LogRecord, record: Record, counts: Counts) -> None:
        """Take in a record of the label topic."""
        counts.others += 1
        waiting, reader, offset = self.waiting, self._reader, record.offset
        if waiting is None or reader is None:
            return
        try:
            given = reader.read(bytes(logged.data), logged.timestamp_ms)
        except LabelFault as fault:
            outcomes: Iterable[Outcome] = waiting.invalid(fault.event_id, offset, str(fault))
        else:
            outcomes = waiting.label(given.event_id, given.label, offset, given.time_s)
        for outcome in outcomes:
            self._end(outcome, record, counts)

    def remark(self, logged: LogRecord, record: Record, counts: Counts) -> None:
        """Take in a record of the feedback topic."""
        if self.loop is not None:
            self._hear(self.loop.remark(logged, record, counts), record)

    def _hear(self, facts: Iterable[Fact], record: Record) -> None:
        """Publish what feedback teaches and brings about, alarms of drift too: no snapshot holds them."""
        self._publish(facts, record)
        self._tell_circuits(record)
        if self.sentinel is not None:
            self._alarm(self.sentinel, record)

    def _end(self, outcome: Outcome, record: Record, counts: Counts) -> None:
        """Teach what *outcome* says, and publish it."""
        waiter = outcome.waiter
        if waiter is not None and outcome.label is not None:
            if self.judge is not None and outcome.scores:
                time_s = record.timestamp / 1000.0 if self._clock is None else self._clock.event_s
                scored = outcome.label, waiter.answers, waiter.answer, waiter.x
                self._publish(self.judge.score(*scored, record.offset, time_s), record)
            if self._referee is not None and outcome.scores:
                self._referee.score(outcome.label, waiter.answers)
                self._publish(self._referee.facts(record.offset), record)
            self._team.learn(waiter.x, outcome.label, counts, answers=waiter.answers)
            self._tell_circuits(record)
            if self.sentinel is not None:
                self.sentinel.see_label(outcome.label)
                self._alarm(self.sentinel, record)
        if self.tell is not None:
            status = status_of(outcome, self._place)
            key = record.key if waiter is None else waiter.key
            self.tell(LABELS_STATUS, status.id, key, _encode(status), record)

    def _tell_circuits(self, record: Record) -> None:
        """Publish what a lesson did to a circuit."""
        if self._circuits is not None:
            time_s = record.timestamp / 1000.0 if self._clock is None else self._clock.event_s
            self._publish(self._circuits.facts(record.offset, time_s), record)

    def _alarm(self, sentinel: Sentinel, record: Record) -> None:
        if facts := sentinel.facts(record.offset, self._team.step):
            if self.judge is not None:
                self.judge.n_alarms = sentinel.n_alarms
            self._publish(facts, record)

    def _publish(self, facts: Iterable[Fact], record: Record) -> None:
        for kind, fact_id, value in facts:
            if self.tell is not None:
                key = record.key if kind == FEEDBACK_STATUS else self._key
                self.tell(kind, fact_id, key, value, record)

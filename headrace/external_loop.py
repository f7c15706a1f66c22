"""Steps outside the process: tasks go out, events wait, answers come in, and events go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headrace.event_time import EventClock
from headrace.external.outcomes import Errand, Outcome, Parked, status_of
from headrace.external.quorum import answer_of
from headrace.external.reading import AnswerFault, Way
from headrace.external.waiting import Pending
from headrace.finals import publishable
from headrace.intake.murmur2 import key_to
from headrace.labels.outcomes import EventId
from headrace.labels.packing import own
from headrace.merged_log import LoggedEvent
from headrace.record import Counts, Emit, Record, Tell
from headrace.stepwise import FAILED, OK, reported
from headrace.team import Team
from headrace.truth import Truth
from schemas import Answer, Prediction, Source, result_id
from schemas.external import ExternalTask
from schemas.log import LogRecord

TASKS = "tasks"
"""Of the topic of tasks, after the pipeline's name."""

TASKS_STATUS = "tasks.status"
"""Of the topic of what became of tasks and of answers to them."""

_BUSY, _FULL = "event_waits", "evicted"
_REFUSED = {_BUSY: "another event of this id waits", _FULL: "too many events wait: the oldest gives way"}
_MOST_DIGITS = 20

_encode = msgspec.json.Encoder(enc_hook=own).encode


class Outside:
    """Events of one partition that wait for answers from outside, and what comes of it.

    Parameters
    ----------
    ways
        The external steps, by topic of their answers.
    team, truth
        Who answers and learns, and what becomes of answers.
    clock
        Event time: deadlines are measured by its watermark.
    place
        Name of the pipeline, name and version, topic and partition of the log; and how many of these it has.

    Attributes
    ----------
    pending
        Events that wait.
    emit, tell
        Told each result and each fact; ``None``: silence.
    """

    def __init__(
        self,
        ways: Mapping[str, Way],
        team: Team,
        truth: Truth | None,
        clock: EventClock,
        place: tuple[tuple[str, str, str, int], int],
    ) -> None:
        self.pending = Pending({way.name: way.step for way in ways.values()})
        self.emit: Emit | None = None
        self.tell: Tell | None = None
        self._ways = ways
        self._steps = {way.name: way.step for way in ways.values()}
        self._team = team
        self._truth = truth
        self._clock = clock
        self._place, n_partitions = place
        self._no_key = key_to(self._place[3], n_partitions)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the external steps."""
        return tuple(self._steps)

    def pass_time(self, record: Record, counts: Counts) -> None:
        """Let events go on without the answers whose time is over, now that the clock has seen *record*."""
        self._end(self.pending.expire(self._clock.watermark_s), record, counts)

    def park(
        self,
        event: tuple[EventId, dict[Any, Any], Any],
        answers: dict[str, Answer],
        record: LoggedEvent,
        counts: Counts,
    ) -> None:
        """Let an *event*, its id, features and label, wait for the steps that its team has `asked`.

        *answers* are those of the steps that are done.
        """
        event_id, x, y = event
        parked = Parked(
            event_id,
            x,
            y,
            record.offset,
            record.timestamp,
            self._clock.event_s,
            answers,
            record.key,
            record.origin,
        )
        self._ask(parked, record, counts, _BUSY if self.pending.waits(event_id) else None)

    def answer(self, logged: LogRecord, record: Record, counts: Counts) -> None:
        """Take in a record of a topic of answers."""
        counts.others += 1
        way = self._ways.get(logged.source.topic)
        if way is None:
            return
        offset = record.offset
        try:
            given = way.reader.read(bytes(logged.data))
        except AnswerFault as fault:
            outcomes: Iterable[Outcome] = self.pending.invalid(way.name, fault.event_id, offset, str(fault))
        else:
            event_offset = None if given.task is None else self._offset_in(given.task, way.name)
            outcomes = self.pending.reply(way.name, given.event_id, given.reply, offset, event_offset)
        self._end(outcomes, record, counts)

    def _ask(self, parked: Parked, record: Record, counts: Counts, refused: str | None) -> None:
        """Give out the tasks of the steps that were asked, or have none if they are *refused*."""
        asked = self._team.asked
        if refused is None:
            for name, given in asked.items():
                self._give(name, given, parked, record)
            self._end(self.pending.park(parked, [*asked]), record, counts)
            return
        for name in asked:
            parked.answers[name] = Answer(status=FAILED, error=_REFUSED[refused])
            self._end(self.pending.refuse(name, parked.event_id, parked.offset, refused), record, counts)
        self._go_on(parked, record, counts, gives_way=True)

    def _give(self, name: str, given: dict[Any, Any], parked: Parked, record: Record) -> None:
        """Publish the task of step *name*."""
        if self.tell is None:
            return
        step, label = self._steps[name], self._place[1]
        source = Source(*self._place[2:], parked.offset)
        due_s = self.pending.due_s(name, parked.event_s)
        task_id = self._task_id(name, parked.offset)
        task = ExternalTask(task_id, parked.event_id, label, name, given, due_s, step.topic, source)
        key = self._no_key if parked.key is None else parked.key
        self.tell(TASKS, task_id, key, _encode(task), record)

    def _task_id(self, name: str, offset: int) -> str:
        pipeline, _, topic, partition = self._place
        return result_id(pipeline, Source(topic, partition, offset), f"{name}.task")

    def _offset_in(self, task: str, name: str) -> int:
        """Return the offset of the event that *task* is for, -1 if it is no task of the step *name* here."""
        number = task.split("/")[-2] if task.count("/") > 1 else ""
        offset = int(number) if number.isdecimal() and len(number) < _MOST_DIGITS else -1
        return offset if task == self._task_id(name, offset) else -1

    def _end(self, outcomes: Iterable[Outcome], record: Record, counts: Counts) -> None:
        """Tell what became of answers and tasks, and let events go on."""
        for outcome in outcomes:
            parked = outcome.parked
            if self.tell is not None:
                status = status_of(outcome, self._place)
                key = record.key if parked is None else parked.key
                self.tell(TASKS_STATUS, status.id, key, _encode(status), record)
            if parked is not None:
                for errand in parked.errands:
                    if errand.step not in parked.answers:
                        parked.answers[errand.step] = self._answer(errand, counts)
                self._go_on(parked, record, counts, gives_way=outcome.state == "evicted")

    def _answer(self, errand: Errand, counts: Counts) -> Answer:
        """Return what a step that has ended says; how answers combine may be a user's own, and be wrong."""
        try:
            answer = publishable(answer_of(errand, self._steps[errand.step]))
        except Exception as error:  # noqa: BLE001 - a user's fault is neither the record's nor ours
            answer = Answer(error=reported(errand.step, "combine", error, counts))
        answer.status = OK if answer.error is None else FAILED
        return answer

    def _go_on(self, parked: Parked, record: Record, counts: Counts, *, gives_way: bool = False) -> None:
        """Do what is left of *parked*, with nobody asked any more if it *gives_way* to others."""
        team, step = self._team, self._team.step
        who = parked.event_id if parked.key is None else parked.key
        final, answers = team.go_on(parked.x, parked.y, counts, who, parked.answers)
        if final is None:
            self._ask(parked, record, counts, _FULL if gives_way else None)
            return
        counts.predicted += 1
        logged = LoggedEvent(parked.offset, parked.key, b"", parked.timestamp_ms, (), parked.origin)
        if self.emit is not None:
            result = self._result(parked, record.offset, step, final)
            self.emit(result.id, parked.key, _encode(result), logged)
        if self._truth is not None:
            event = parked.event_id, parked.x, parked.y
            self._truth.event(logged, *event, step, final, answers, counts, parked.event_s)
        if parked.errands:
            self._end(self.pending.settle(parked), record, counts)

    def _result(self, parked: Parked, offset: int, step: int, final: Answer) -> Prediction:
        """Return the result of *parked*, made while the record at *offset* is folded."""
        pipeline, label, topic, partition = self._place
        return Prediction(
            result_id(pipeline, Source(topic, partition, offset), f"predict.{parked.offset}"),
            parked.event_id,
            label,
            step,
            Source(topic, partition, parked.offset),
            final.prediction,
            final.probability,
            final.score,
            None,
            final.error,
            parked.origin,
            parked.answers,
            final.by,
        )

"""What is said of answers already given: it finds the answer, models learn from it, and it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from headrace.errors import SnapshotError
from headrace.feedback.declaration import Feedback, Lesson
from headrace.feedback.off_policy import OffPolicy
from headrace.feedback.ratings import Ratings
from headrace.judge import METRICS, Fact
from headrace.labels.declaration import named
from headrace.labels.outcomes import EventId, Outcome, Waiter, status_of
from headrace.labels.waiting import Waiting
from headrace.record import Counts, Record
from headrace.team import Team
from schemas.feedback import PolicyReport, Remark
from schemas.log import LogRecord
from schemas.metrics import MetricsReport
from schemas.refusals import Refusal
from schemas.remarks import RemarkDecoder
from schemas.results import Source, result_id

FEEDBACK_STATUS = "feedback.status"
"""Of the topic of what became of feedback, after the pipeline's name."""

_encode = msgspec.json.Encoder().encode


class FeedbackLoop:
    """Answers of one partition that wait for feedback, and what comes of it.

    Parameters
    ----------
    feedback
        The declaration.
    waiting
        Where answers wait.
    reading
        What reads the records, and the types of the events' ids.
    team
        Who learns.
    models
        Names of the models.
    place
        Name of the pipeline, name and version, topic and partition of the log.

    Attributes
    ----------
    n
        How many remarks, silences included, were learned or measured.
    report
        The newest, ``None`` before the first and after a restore.
    off_policy
        What other policies would have earned, with a bandit.
    ratings
        Mean ratings, where answers are rated.
    """

    def __init__(
        self,
        feedback: Feedback,
        waiting: Waiting,
        reading: tuple[RemarkDecoder, set[type]],
        team: Team,
        models: Iterable[str],
        place: tuple[str, str, str, int],
    ) -> None:
        self.waiting = waiting
        self.n = 0
        self.report: MetricsReport | None = None
        bandit, names = team.bandit, [*models]
        self.off_policy = None if bandit is None else OffPolicy(bandit.arms)
        self.ratings = None
        if feedback.kind == "rating":
            self.ratings = Ratings(names if len(names) > 1 else ())
        self._feedback = feedback
        self._decoder, self._id_types = reading
        self._team = team
        self._place = place

    def event(
        self, event_id: EventId, waiter: Waiter, time_s: float, watermark_s: float, counts: Counts
    ) -> Iterator[Fact]:
        """Let an answer given just now wait; yield what is to say."""
        waiting, offset = self.waiting, waiter.offset
        for outcome in waiting.expire(watermark_s):
            yield from self._end(outcome, offset, counts)
        for outcome in waiting.add(event_id, waiter, time_s):
            yield from self._end(outcome, offset, counts)

    def remark(self, logged: LogRecord, record: Record, counts: Counts) -> Iterator[Fact]:
        """Take in a record of the feedback topic; yield what is to say."""
        counts.others += 1
        waiting, offset = self.waiting, record.offset
        try:
            remark = self._decoder.parse(bytes(logged.data))
            self._check_id(remark.event_id)
        except Refusal as refusal:
            where = f"{refusal.path}: " if refusal.path else ""
            outcomes: Iterable[Outcome] = waiting.invalid(None, offset, f"{where}{refusal}")
        else:
            time_s = logged.timestamp_ms / 1000.0 if remark.time_s is None else remark.time_s
            outcomes = waiting.label(remark.event_id, self._value(remark), offset, time_s, remark.weight)
        for outcome in outcomes:
            yield from self._end(outcome, offset, counts)

    @property
    def policy(self) -> PolicyReport | None:
        """What other policies would have earned, with a bandit that has learned a reward."""
        return None if self.off_policy is None or not self.n else self.off_policy.report()

    def state(self) -> dict[str, Any]:
        """Return what is written down, without what waits."""
        return {
            "n": self.n,
            "off_policy": None if self.off_policy is None else self.off_policy.state(),
            "ratings": None if self.ratings is None else self.ratings.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, or raise `SnapshotError`."""
        try:
            if self.off_policy is not None:
                self.off_policy.restore(state["off_policy"])
            if self.ratings is not None:
                self.ratings.restore(state["ratings"])
            self.n = int(state["n"])
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("state", "the snapshot holds nothing of feedback", why=repr(error)) from error
        self.report = None

    def _check_id(self, event_id: EventId) -> None:
        if type(event_id) not in self._id_types:
            wanted, got = named(self._id_types), type(event_id).__name__
            raise Refusal(
                "type", f"expected the id of an event, {wanted}, got {got}", f"$.{self._feedback.event_id}"
            )

    def _value(self, remark: Remark) -> Any:
        """Return what *remark* says, in the one type that such values have."""
        value = remark.value
        return float(value) if self.waiting.labels.label_type is float else value

    def _end(self, outcome: Outcome, offset: int, counts: Counts) -> Iterator[Fact]:
        """Learn and measure what *outcome* says, then tell what became of the remark."""
        waiter, value = outcome.waiter, outcome.label
        n = self.n
        if waiter is not None and value is not None and outcome.event_id is not None:
            is_bandit = self.off_policy is not None
            if outcome.state == "expired":
                lesson = self._feedback.lesson_of_silence(waiter.answer, is_bandit=is_bandit)
                outcome.weight = lesson.weight
            else:
                remark = Remark(outcome.event_id, value, outcome.weight)
                lesson = self._feedback.lesson(remark, waiter.answer, is_bandit=is_bandit)
            self._teach(lesson, waiter, counts)
        status = status_of(outcome, self._place, "feedback")
        yield Fact(FEEDBACK_STATUS, status.id, _encode(status))
        if self.n != n and self.n % self._feedback.every == 0:
            self.report = report = self._report(offset)
            yield Fact(METRICS, report.id, _encode(report))

    def _teach(self, lesson: Lesson, waiter: Waiter, counts: Counts) -> None:
        if lesson.rating is not None and self.ratings is not None:
            self.ratings.update(lesson.rating, waiter.answer, waiter.answers, lesson.weight)
        is_known = waiter.answer.error is None
        if lesson.verb == "reward" and is_known and lesson.value is not None:
            reward = float(lesson.value)
            if self.off_policy is not None:
                self.off_policy.update(waiter.answer, reward, self._team.expected(waiter.x, counts))
            self._team.reward(waiter.x, reward, waiter.answer, counts, lesson.weight)
        elif lesson.verb == "label":
            self._team.learn(waiter.x, lesson.value, counts, answers=waiter.answers, weight=lesson.weight)
        elif lesson.rating is None:
            return
        self.n += 1

    def _report(self, offset: int) -> MetricsReport:
        name, label, topic, partition = self._place
        source = Source(topic, partition, offset)
        ratings = None if self.ratings is None else self.ratings.report()
        made_id = result_id(name, source, f"feedback.{self.n}")  # silences end together, at one offset
        return MetricsReport(made_id, label, source, self.n, [], policy=self.policy, ratings=ratings)


def rewards(report: MetricsReport) -> Iterator[tuple[str, float]]:
    """Yield the mean reward of each policy in *report*: the one followed, the greedy one, each arm alone."""
    policy = report.policy
    if policy is None:
        return
    means = {"(logged)": policy.logged, "(greedy)": policy.greedy.snips}
    means |= {arm: value.snips for arm, value in policy.arms.items()}
    yield from ((name, mean) for name, mean in means.items() if mean is not None)

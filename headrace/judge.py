"""What is said of the models of a partition: scores every so many labels, alerts when a rule is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from headrace.alerts.book import AlertBook
from headrace.alerts.rules import Alert
from headrace.alerts.signals import LABEL_DELAY, Flow, Totals, signals_of
from headrace.errors import SnapshotError
from headrace.labels.delays import Delays
from headrace.labels.waiting import Waiting
from headrace.scores.plan import Plan
from headrace.scores.scoreboard import Scoreboard
from schemas.metrics import MetricsReport
from schemas.results import Answer

METRICS, ALERTS = "metrics", "alerts"
"""Kinds of facts: their topics' names end with these."""

_encode = msgspec.json.Encoder().encode


class Fact(NamedTuple):
    """Something to publish: its kind, id and value."""

    kind: str
    id: str
    value: bytes


class Judge:
    """Scores answers once their labels are known, and watches the scores.

    Parameters
    ----------
    plan
        What is measured.
    rules
        What alerts.
    model_names
        Of the models.
    waiting
        The events that wait for their label, where labels come later.
    place
        Name and version of the pipeline, topic and partition of the log.
    completed
        Adds to a report what else is known of the models.

    Attributes
    ----------
    report
        The newest, ``None`` before the first and after a restore.
    signals
        The newest of those that need no label, by name.
    n_dead, n_alarms
        How many records could not become events, and how often drift was told; the fold counts them here.
    """

    def __init__(
        self,
        plan: Plan,
        rules: Sequence[Alert],
        model_names: Sequence[str],
        waiting: Waiting | None,
        place: tuple[str, str, int],
        completed: Callable[[MetricsReport], MetricsReport] = lambda report: report,
    ) -> None:
        pipeline, topic, partition = place
        self.board = Scoreboard(plan, model_names, pipeline=pipeline, topic=topic, partition=partition)
        self.book = AlertBook(rules, pipeline=pipeline, topic=topic, partition=partition)
        self.report: MetricsReport | None = None
        self.signals: dict[str, float] = {}
        self.n_dead = self.n_alarms = 0
        self._every = plan.declared.every
        self._waiting = waiting
        self._completed = completed
        self._flow = Flow()
        self._n_events = 0
        self._delays: dict[int, int] = {}

    def score(
        self,
        y: Any,
        answers: Mapping[str, Answer] | None,
        final: Answer,
        x: Mapping[Any, Any],
        offset: int,
        time_s: float,
    ) -> Iterator[Fact]:
        """Score the answers to an event whose label is *y*; yield what there is to say, after *offset*."""
        if self.board.update(y, answers, final, x, time_s):
            self.report = report = self._completed(self.board.report(offset, time_s))
            yield Fact(METRICS, report.id, _encode(report))
            yield from self._watched(signals_of(report), offset, time_s)

    def answered(
        self,
        y: Any,
        answers: Mapping[str, Answer] | None,
        final: Answer,
        x: Mapping[Any, Any],
        offset: int,
        time_s: float,
    ) -> Iterator[Fact]:
        """Take in that an event was answered, whose label *y* is known or ``None``; yield what is to say."""
        self._n_events += 1
        if y is not None:
            yield from self.score(y, answers, final, x, offset, time_s)
        if self._n_events % self._every == 0:
            yield from self._watched(self._flowing(), offset, time_s)

    def state(self) -> dict[str, Any]:
        """Return what is written down."""
        return {
            "board": self.board.state(),
            "book": self.book.state(),
            "flow": self._flow.state(),
            "counts": [self.n_dead, self.n_alarms, self._n_events],
            "delays": sorted(self._delays.items()),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, or raise `SnapshotError`."""
        try:
            self.board.restore(state["board"])
            self.book.restore(state["book"])
            self._flow.restore(state["flow"])
            self.n_dead, self.n_alarms, self._n_events = state["counts"]
            self._delays = dict(state["delays"])
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("state", "the snapshot holds no scores", why=repr(error)) from error
        self.report = None

    def _watched(self, signals: Mapping[str, float], offset: int, time_s: float) -> Iterator[Fact]:
        for event in self.book.observe(signals, self._n_events, offset, time_s):
            yield Fact(ALERTS, event.id, _encode(event))

    def _flowing(self) -> dict[str, float]:
        """Return the signals that need no label."""
        counts = {} if self._waiting is None else self._waiting.counts
        joined, expired = counts.get("joined", 0), counts.get("expired", 0)
        n_records = self._n_events + self.n_dead
        signals = self._flow.observe(Totals(n_records, self.n_dead, self.n_alarms, joined, expired))
        if self._waiting is not None and (delay_s := self._delay_s(self._waiting)) is not None:
            signals[LABEL_DELAY] = delay_s
        self.signals = signals
        return signals

    def _delay_s(self, waiting: Waiting) -> float | None:
        """Return the median delay of the labels joined since it was asked last."""
        before, self._delays = self._delays, dict(waiting.delays.counts())
        return Delays((size, n - before.get(size, 0)) for size, n in self._delays.items()).quantile(0.5)

"""Answers from outside, without Kafka: events that wait, answers in a row, and what became of each."""

from __future__ import annotations

from typing import Any

from headrace.external.outcomes import Outcome, Parked, Reply
from headrace.external.waiting import Pending
from headrace.steps.external import External
from schemas.results import Answer, Source

DEADLINE_S = 100.0


def parked(offset: int, event_id: str = "", time_s: float = 0.0) -> Parked:
    x = {"a": offset / 7, "lang": "de"}
    answers = {"linear": Answer(True, {"true": 0.75, "false": 0.25})}
    origin = Source("t.events", 0, offset)
    return Parked(event_id or f"e{offset}", x, None, offset, offset * 10, time_s, answers, b"k", origin)


def says(prediction: Any = True, worker: str = "", error: str | None = None) -> Reply:
    return Reply(worker, None if error else prediction, None, None, error)


class Waits:
    """Events that wait for the steps *names*, driven as a fold drives it: a record is an offset.

    An event that can go on is done at once.
    """

    def __init__(self, *names: str, **options: Any) -> None:
        self.names = names or ("ext",)
        steps = {
            name: External(f"t.{name}", **{"deadline_s": DEADLINE_S, "gives": "classification", **options})
            for name in self.names
        }
        self.pending = Pending(steps)
        self.next_offset = 0
        self.done: list[Parked] = []

    def event(self, event_id: str = "", time_s: float = 0.0) -> list[Outcome]:
        said = self.time(time_s)
        return said + self._taken(self.pending.park(parked(self._next(), event_id, time_s), self.names))

    def reply(self, event_id: str, reply: Reply, step: str = "ext", at: int | None = None) -> list[Outcome]:
        return self._taken(self.pending.reply(step, event_id, reply, self._next(), at))

    def time(self, time_s: float) -> list[Outcome]:
        return self._taken(self.pending.expire(time_s))

    def _next(self) -> int:
        offset, self.next_offset = self.next_offset, self.next_offset + 1
        return offset

    def _taken(self, outcomes: Any) -> list[Outcome]:
        said: list[Outcome] = []
        for outcome in outcomes:
            said.append(outcome)
            if outcome.parked is not None:
                self.done.append(outcome.parked)
                said += self._taken(self.pending.settle(outcome.parked))
        return said


def states(outcomes: list[Outcome]) -> list[tuple[str, Any, str | None]]:
    """Return what became of what, and why."""
    return [(o.state, o.event_id, o.reason) for o in outcomes]

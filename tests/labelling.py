"""Labels that come later, without Kafka: events that wait, calls in a row, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from headrace import Labels
from headrace.labels.outcomes import Outcome, Waiter
from headrace.labels.waiting import Waiting
from schemas.results import Answer

WAIT_S = 100.0


def declared(**options: Any) -> Labels:
    return Labels("t.labels", **{"label_type": bool, "wait_s": WAIT_S, **options})


def waiter(offset: int, **x: Any) -> Waiter:
    return Waiter(x or {"a": offset / 7}, Answer(True, {"true": 0.75, "false": 0.25}), offset, offset, b"k")


class Call(NamedTuple):
    """One record of a log: an event if there is no label, at the log's time ``time_s``."""

    event_id: str
    label: bool | None
    time_s: float


class Driven:
    """A store of what waits, driven as a fold drives it: a record is an offset."""

    def __init__(self, **options: Any) -> None:
        self.waiting = Waiting(declared(**options))
        self.next_offset = 0

    def take(self, call: Call) -> list[Outcome]:
        offset, self.next_offset = self.next_offset, self.next_offset + 1
        said = list(self.waiting.expire(call.time_s))
        if call.label is None:
            said += self.waiting.add(call.event_id, waiter(offset), call.time_s)
        else:
            said += self.waiting.label(call.event_id, call.label, offset, call.time_s)
        return said

    def event(self, event_id: str, time_s: float = 0.0) -> list[Outcome]:
        return self.take(Call(event_id, None, time_s))

    def label(self, event_id: str, label: bool, time_s: float = 0.0) -> list[Outcome]:
        return self.take(Call(event_id, label, time_s))

    def time(self, time_s: float) -> list[Outcome]:
        return list(self.waiting.expire(time_s))


def shown(outcomes: list[Outcome]) -> Iterator[tuple[Any, ...]]:
    """Yield what is told of each of *outcomes*."""
    for o in outcomes:
        learned = None if o.waiter is None else (o.waiter.offset, o.waiter.x)
        yield (
            o.state,
            o.event_id,
            o.label,
            o.offset,
            o.event_offset,
            o.delay_s,
            o.conflicts,
            o.reason,
            learned,
        )

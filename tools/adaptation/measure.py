"""One run of a contender over a stream, and what it shows."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from tools.adaptation.contenders import Build, alarms_of
from tools.adaptation.streams import Stream

AFTER = 500
"""Events after a change over which the accuracy is told."""

HEARD = 750
"""An alarm so many events after a change is settled still belongs to it; any other is false."""


class Run(NamedTuple):
    """What one run shows.

    ``after`` is the mean accuracy in the `AFTER` events after each change, ``delay`` the mean number of
    events to the first alarm for a change, ``missed`` the changes that none was raised for. ``None`` where
    there is nothing to tell. ``us_per_event`` is processor time, of asking and teaching.
    """

    overall: float
    after: float | None
    n_false: int | None
    delay: float | None
    missed: int | None
    us_per_event: float


def run(build: Build, stream: Stream) -> Run:
    """Test, then teach a fresh contender with each event of *stream*."""
    model = build()
    right: list[bool] = []
    alarms: list[int] | None = []
    spent = 0.0
    for i, (x, y) in enumerate(stream.events):
        started = time.thread_time()
        right.append(model.predict_one(x) == y)
        model.learn_one(x, y)
        spent += time.thread_time() - started
        n_alarms = alarms_of(model)
        if n_alarms is None:
            alarms = None
        elif alarms is not None:
            alarms += [i] * n_alarms
    return _shown(stream, right, alarms, spent)


def _shown(stream: Stream, right: list[bool], alarms: list[int] | None, spent_s: float) -> Run:
    after: float | None = None
    if stream.changes:
        parts = [right[change + stream.settled :][:AFTER] for change in stream.changes]
        after = sum(map(sum, parts)) / sum(map(len, parts))
    told = heard(stream, alarms)
    return Run(sum(right) / len(right), after, *told, spent_s / len(right) * 1e6)


def heard(stream: Stream, alarms: list[int] | None) -> tuple[Any, Any, Any]:
    """Return the false alarms, the mean delay and the changes that were missed."""
    if alarms is None:
        return None, None, None
    reach = stream.settled + HEARD
    firsts = [[a - change for a in alarms if 0 <= a - change < reach] for change in stream.changes]
    delays = [min(found) for found in firsts if found]
    n_false = sum(not any(0 <= a - change < reach for change in stream.changes) for a in alarms)
    delay = sum(delays) / len(delays) if delays else None
    return n_false, delay, len(firsts) - len(delays)

"""Ends a process that makes no progress: one that starts afresh and recovers beats one that hangs.

Three lines of defence. A thread looks at what the event loop reports, and at whether it reports at all. Where
no thread can run, because a model holds Python's lock, a timer in C ends the process. And stopping has a hard
limit of its own, which no model outlasts.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Literal, NamedTuple, NoReturn

import structlog
from faust.types import TP

log = structlog.get_logger(__name__)

LOCKED_FACTOR = 1.5
"""After this many limits the timer in C ends a process in which no Python code runs any more."""

SLEPT_S = 5.0
"""A thread that wakes up so much later than it asked for was stopped, with the whole process."""

SILENT_S = 3.0
"""Brokers that have not answered for this long are away: a worker then waits, and is not stuck."""

Doing = Literal["nothing", "work", "recovery", "rebalance"]

_REASONS: Mapping[Doing, str] = {
    "work": "records wait, and none was processed for {:.0f} s",
    "recovery": "the recovery of partitions made no progress for {:.0f} s",
    "rebalance": "a rebalance did not end within {:.0f} s",
}

_PARTITION_STUCK = "records wait in partition {} of {}, and none was processed for {:.0f} s"


class Facts(NamedTuple):
    """What a worker is about, and something that changes whenever it gets further with it.

    ``behind`` holds the next offset of each partition, of the log or of a source, that has records waiting:
    each has to get further, for a busy worker may have one that does not.
    """

    doing: Doing
    progress: Hashable = None
    behind: Mapping[TP, int] = MappingProxyType({})


NOTHING = Facts("nothing")


class ProgressWatch:
    """Decides whether a process should end, by the facts alone.

    Parameters
    ----------
    limit_s
        How long one thing may go on without progress.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._facts = NOTHING
        self._since = float("inf")
        self._behind: dict[TP, tuple[int, float]] = {}  # offset, and since when

    def update(self, now: float, facts: Facts) -> str | None:
        """Take in what is the case at *now*; return why the process should end, ``None`` if it should not."""
        if facts != self._facts or facts.doing == "nothing":
            self._facts, self._since = facts, now
        if (stuck := self._stuck_partition(now, facts.behind)) is not None:  # it names the place
            return stuck
        stuck_s = now - self._since
        return _REASONS[facts.doing].format(stuck_s) if stuck_s >= self._limit_s else None

    def _stuck_partition(self, now: float, behind: Mapping[TP, int]) -> str | None:
        before = self._behind
        self._behind = {
            tp: before[tp] if before.get(tp, (-1, 0.0))[0] == offset else (offset, now)
            for tp, offset in behind.items()
        }
        for tp, (_, since) in self._behind.items():
            if now - since >= self._limit_s:
                return _PARTITION_STUCK.format(tp.partition, tp.topic, now - since)
        return None


def facts(
    state: str,
    *,
    positions: Mapping[TP, int],
    taken_in: Mapping[TP, int],
    lags: Mapping[TP, int],
    is_replaying: bool,
    silent_s: float,
) -> Facts:
    """Return what a worker in *state* is about.

    While no broker answers it is about nothing: that has a limit of its own, ``broker_lost_timeout_s``.

    Parameters
    ----------
    positions
        The next offset of each partition of the log.
    taken_in
        That of each partition of a source. It says nothing of a recovery, beside which intake goes on.
    lags
        Records of each partition that could be processed.
    silent_s
        Since a broker last answered.
    """
    progress = tuple(sorted(positions.items()))
    if state == "joining the group":  # brokers are not asked yet whether they are there
        return Facts("rebalance", progress)
    if silent_s > SILENT_S:
        return NOTHING
    if state == "rebalancing":
        return Facts("rebalance", progress)
    if state != "running":
        return NOTHING
    if is_replaying:
        return Facts("recovery", progress)
    everything = {**positions, **taken_in}
    behind = {tp: everything[tp] for tp, lag in lags.items() if lag and tp in everything}
    return Facts("work", tuple(sorted(everything.items())), behind) if behind else NOTHING


class Watchdog:
    """Watches the event loop it is started in.

    Parameters
    ----------
    limit_s
        How long the loop may stand still, and anything may go on without progress.
    report
        Gives the facts; called in the loop.
    end
        Ends the process, given the reason.
    exit_later
        Ends it after so many seconds, whatever blocks it, unless called again.
    """

    def __init__(
        self,
        limit_s: float,
        report: Callable[[], Facts],
        *,
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[str], object] | None = None,
        exit_later: Callable[[float], object] | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._interval_s = min(1.0, limit_s / 8)
        self._report = report
        self._clock = clock
        self._end = end or self._dump_and_exit
        self._exit_later = exit_later or _exit_later
        self._progress = ProgressWatch(limit_s)
        self._beat_at = self._looked_at = clock()
        self._facts = NOTHING
        self._is_stopping = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch while the body runs; from `stopping` on, what comes after it has its limit too."""
        self._loop = asyncio.get_running_loop()
        self._beat_at = self._looked_at = self._clock()
        threading.Thread(target=self._look_for_ever, name="watchdog", daemon=True).start()
        beating = asyncio.create_task(self._beat_for_ever())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])

    async def _beat_for_ever(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(self._interval_s)

    def beat(self) -> None:
        """Report that the loop turns, and the facts."""
        self._facts = self._report()
        self._beat_at = self._clock()
        if not self._is_stopping.is_set():
            self._exit_later(self._limit_s * LOCKED_FACTOR)

    def look(self) -> None:
        """End the process if it hangs; called by the thread."""
        now = self._clock()
        if now - self._looked_at > self._interval_s + SLEPT_S:  # it slept, and so did the loop
            self._beat_at = now
            self._progress = ProgressWatch(self._limit_s)
        self._looked_at = now
        stalled_s = now - self._beat_at
        if stalled_s >= self._limit_s:
            self._end(f"the event loop stood still for {stalled_s:.0f} s: a model, or other code, blocks it")
        elif stalled_s <= 2 * self._interval_s and (reason := self._progress.update(now, self._facts)):
            self._end(reason)  # by facts that are fresh: those of a loop that stands still say less than that

    def stopping(self, limit_s: float) -> None:
        """From now on only see to it that the process ends within *limit_s*."""
        if not self._is_stopping.is_set():
            self._is_stopping.set()
            self._exit_later(limit_s)

    def limit_stop(self, signals: Iterable[signal.Signals], limit_s: float) -> None:
        """Call `stopping` as soon as one of *signals* comes, even if the loop does not notice.

        A loop that a model blocks never runs its own handlers. To be called after those were set.
        """
        for number in signals:
            signal.signal(number, lambda *_: self.stopping(limit_s))

    def _look_for_ever(self) -> None:
        while not self._is_stopping.wait(self._interval_s):
            self.look()

    def _dump_and_exit(self, reason: str) -> NoReturn:
        log.critical("watchdog", reason=reason, limit_s=self._limit_s)
        faulthandler.dump_traceback(all_threads=True)
        if self._loop is not None:
            _print_tasks(self._loop)
        os._exit(1)


def _exit_later(after_s: float) -> None:
    """Dump all stacks and end the process with code 1 in *after_s*, unless asked anew; needs no lock."""
    faulthandler.dump_traceback_later(after_s, exit=True)


def _print_tasks(loop: asyncio.AbstractEventLoop) -> None:
    try:
        for task in asyncio.all_tasks(loop):
            task.print_stack(limit=4, file=sys.stderr)
    except RuntimeError:  # the loop goes on meanwhile
        return

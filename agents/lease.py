"""Whether a worker may still speak for its partitions: one that slept does not know that it was replaced.

The group's coordinator gives a member's partitions to others when it has heard nothing of it for the session
timeout. So who may have been silent for that long, by a clock that counts the time in which the process or
the machine stood still too, publishes nothing before the coordinator has confirmed it again. It may only
have been the broker that was away: then the worker goes on. If it says that this member is none any more, the
process ends at once, with all that it would have published.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import NoReturn

import structlog

log = structlog.get_logger(__name__)

Clock = Callable[[], float]

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def clock() -> float:
    """Return seconds of a clock that never goes back and, on Linux, counts time in suspension too."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class Lease:
    """Held for the session timeout from the sending of each heartbeat that the coordinator answered well.

    From the sending, not from the answer: that may have lain in a buffer while the process was stopped. One
    thread renews, any may ask.

    Parameters
    ----------
    session_timeout_s
        After this silence the coordinator gives the partitions away.
    """

    def __init__(self, session_timeout_s: float, clock: Clock = clock) -> None:
        self._session_timeout_s = session_timeout_s
        self._clock = clock
        self._until = float("-inf")

    def renew(self, sent_at: float) -> None:
        """Note that a heartbeat sent at *sent_at*, by the lease's clock, was answered well."""
        self._until = max(self._until, sent_at + self._session_timeout_s)

    def is_held(self) -> bool:
        """Return whether the partitions certainly belong to this worker still; about 0.1 us."""
        return self._clock() < self._until

    def has_lapsed(self) -> bool:
        """Return whether it was held once and is not any more."""
        return self._until > float("-inf") and not self.is_held()


def end_evicted(error: str) -> NoReturn:
    """End this process, which the coordinator does not know as a member any more: *error* says how it put it.

    In any thread, without stopping in order: what waits to be sent is no longer this worker's to send.
    """
    log.critical(
        "worker_evicted",
        reason="the group gave this worker's partitions to others: it was silent for longer than its session",
        error=error,
    )
    os._exit(1)

"""Restarts workers one after another: none before the one before it is ready."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from agents.supervisor import Supervisor, WorkerProcess

ASK_INTERVAL_S = 0.2
_ANSWER_TIMEOUT_S = 1.0


class Restarted(NamedTuple):
    """A worker that is ready again; it was away for *took_s*."""

    number: int
    pid: int | None
    took_s: float


class _Standing(msgspec.Struct):
    ready: bool = False
    state: str = ""
    partitions: tuple[int, ...] = ()


class RollingRestart:
    """A restart of all workers, in turn.

    Parameters
    ----------
    on_restarted
        Told of every worker that is ready again.
    is_ready
        Says whether a worker does its share.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        on_restarted: Callable[[Restarted], None],
        is_ready: Callable[[WorkerProcess], bool] | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._on_restarted = on_restarted
        self._is_ready = is_ready or answers_ready
        self._waiting: deque[WorkerProcess] = deque()
        self._current: WorkerProcess | None = None
        self._old_pid: int | None = None
        self._began_at = self._asked_at = 0.0

    @property
    def is_going_on(self) -> bool:
        """Whether a worker still waits for its turn, or to be ready."""
        return self._current is not None or bool(self._waiting)

    def begin(self) -> None:
        """Restart all workers; one whose turn it is at this moment is not restarted twice."""
        self._waiting = deque(worker for worker in self._supervisor.workers if worker is not self._current)

    def step(self, now: float) -> None:
        """Do what can be done now; call it after each `Supervisor.check`."""
        if self._current is not None and self._is_back(self._current, now):
            self._on_restarted(Restarted(self._current.number, self._current.pid, now - self._began_at))
            self._current = None
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
            self._old_pid, self._began_at = self._current.pid, now
            self._supervisor.restart(self._current, now)

    def _is_back(self, worker: WorkerProcess, now: float) -> bool:
        if worker.pid == self._old_pid or not worker.is_running or now - self._asked_at < ASK_INTERVAL_S:
            return False
        self._asked_at = now
        return self._is_ready(worker)


def answers_ready(worker: WorkerProcess) -> bool:
    """Return whether *worker* says that it is ready, or that it runs and there is no partition for it."""
    if worker.address is None:
        return False
    try:
        with urllib.request.urlopen(f"{worker.address}/ready", timeout=_ANSWER_TIMEOUT_S) as reply:  # noqa: S310 - ours
            content = reply.read()
    except urllib.error.HTTPError as refusal:
        content = refusal.read()
    except OSError:
        return False
    standing = msgspec.json.decode(content, type=_Standing)
    return standing.ready or (standing.state == "running" and not standing.partitions)

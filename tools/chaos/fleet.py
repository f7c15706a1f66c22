"""Workers that are started, killed, paused and started again."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tools.chaos.process import Process, Said
from tools.chaos.project import environment

RESTART_S = 0.5
"""A worker that ended is started again after so long."""

ASSIGNED = "assigned"
"""The line with which a worker says which partitions it was given."""


class Ended(NamedTuple):
    """A worker that ended; *why* is what was done to it, or "" if it ended by itself."""

    at: float
    slot: int
    pid: int
    code: int
    why: str
    words: str


class Fleet:
    """Some workers, by slot: 1, 2, 3 ...

    Parameters
    ----------
    arguments
        Of ``headrace worker``.
    settings
        Environment variables of the workers.
    folder
        Gets a log for each slot.

    Attributes
    ----------
    said
        What all of them logged so far.
    ended
        Who ended, when and why.
    wanted
        Slots that are to have a running worker.
    """

    def __init__(self, arguments: Sequence[str], settings: Mapping[str, str], folder: Path) -> None:
        self.said: list[Said] = []
        self.ended: list[Ended] = []
        self.wanted: set[int] = set()
        self._arguments = [*arguments, "--http-port", "0"]
        self._settings = settings
        self._folder = folder
        self._running: dict[int, Process] = {}
        self._assigned: dict[int, Said] = {}
        self._reasons: dict[int, str] = {}
        self._paused: set[int] = set()
        self._due: dict[int, float] = {}

    def start(self, slot: int, **settings: str) -> int:
        """Start a worker in *slot*, with *settings* of its own for this once; return its process id."""
        if slot in self._running:
            raise RuntimeError(f"slot {slot} has a worker")
        env = environment({**self._settings, **settings})
        self._running[slot] = Process(slot, self._arguments, self._folder / f"worker-{slot}.log", env)
        self._due.pop(slot, None)
        self.wanted.add(slot)
        return self.pid(slot)

    def pid(self, slot: int) -> int:
        """Return the process id in *slot*."""
        return self._running[slot].pid

    def slots(self) -> list[int]:
        """Return the slots whose worker runs and is not paused."""
        return sorted(slot for slot in self._running if slot not in self._paused)

    def owner(self, partition: int) -> Said | None:
        """Return the line with which the owner of *partition* said what it was given, as far as logs tell.

        Of each process the last such line counts, and of those that name the partition the newest.
        """
        claims = [line for line in self._assigned.values() if partition in line.fields["partitions"]]
        return max(claims, key=lambda line: line.at, default=None)

    def partitions(self, slot: int) -> list[int]:
        """Return what the worker in *slot* holds, as far as logs tell."""
        if slot not in self._running or (line := self._assigned.get(self.pid(slot))) is None:
            return []
        return [partition for partition in line.fields["partitions"] if self.owner(partition) is line]

    def kill(self, slot: int) -> int:
        """End it with SIGKILL, whatever it does; return its process id."""
        return self._end(slot, signal.SIGKILL, "killed")

    def terminate(self, slot: int) -> int:
        """End it with SIGTERM; another one is started."""
        return self._end(slot, signal.SIGTERM, "terminated")

    def dismiss(self, slot: int) -> int:
        """End it with SIGTERM for good."""
        self.wanted.discard(slot)
        return self._end(slot, signal.SIGTERM, "dismissed")

    def pause(self, slot: int) -> int:
        """Stop it in its tracks."""
        self._running[slot].send(signal.SIGSTOP)
        self._paused.add(slot)
        return self.pid(slot)

    def resume(self, slot: int) -> None:
        """Let a paused one go on; having been away, it may end itself."""
        if slot in self._paused:
            self._paused.discard(slot)
            self._reasons.setdefault(self.pid(slot), "was paused")
            self._running[slot].send(signal.SIGCONT)

    def resume_all(self) -> None:
        """Let all paused ones go on."""
        for slot in list(self._paused):
            self.resume(slot)

    def expect_end(self, slot: int, why: str) -> None:
        """Say beforehand why the worker in *slot* will end."""
        self._reasons[self.pid(slot)] = why

    def check(self) -> None:
        """Read logs, notice who ended, start again whose time has come; call it a few times a second."""
        codes = {process: process.exit_code for process in self._running.values()}
        said = sorted((line for process in codes for line in process.new_lines()), key=lambda line: line.at)
        self.said.extend(said)
        self._assigned |= {line.pid: line for line in said if line.event == ASSIGNED}
        for process, code in codes.items():
            if code is not None:
                self._note_end(process.slot, process, code)
        for slot, due in list(self._due.items()):
            if slot not in self.wanted:
                del self._due[slot]
            elif time.monotonic() >= due:
                self.start(slot)

    def stop(self, timeout_s: float = 15.0) -> None:
        """End all: politely, then not."""
        self.wanted.clear()
        for slot, process in self._running.items():
            self.resume(slot)
            self._reasons.setdefault(process.pid, "stopped")
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        for process in self._running.values():
            process.end(deadline - time.monotonic())
        self.check()

    def log_tail(self) -> str:
        """Return the last lines of all logs."""
        return "\n".join(f"worker {slot}: {one.log_tail()}" for slot, one in self._running.items())

    def _end(self, slot: int, number: signal.Signals, why: str) -> int:
        self._reasons[self.pid(slot)] = why
        self._running[slot].send(number)
        return self.pid(slot)

    def _note_end(self, slot: int, process: Process, code: int) -> None:
        why = self._reasons.pop(process.pid, "")
        self.ended.append(Ended(time.time(), slot, process.pid, code, why, process.last_words))
        del self._running[slot]
        self._paused.discard(slot)
        if slot in self.wanted:
            self._due[slot] = time.monotonic() + RESTART_S

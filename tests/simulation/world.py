"""Decides what happens next: every request, reply and timer of every worker waits here for its turn."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.simulation.kafka import Kafka
from tests.simulation.loop import SimLoop, Timer

POLICIES = ("uniform", "oldest", "newest", "priority", "sticky")
"""Ways to choose among what waits; each finds bugs that the others rarely find."""


class Op:
    """Something that waits for its turn: a request to Kafka, or the reply to one."""

    __slots__ = ("future", "is_held", "is_ready", "is_reply", "is_sent", "name", "priority", "process", "run")

    def __init__(
        self,
        process: Any,
        name: str,
        run: Callable[[], Any],
        future: Any,
        is_ready: Callable[[], bool] | None,
        *,
        is_sent: bool,
    ) -> None:
        self.process = process
        self.name = name
        self.run = run
        self.future = future
        self.is_ready = is_ready
        self.is_reply = False
        self.is_sent = is_sent
        self.is_held = process is not None and process.is_paused
        self.priority = 0.0


class NotYetError(Exception):
    """A request has to be asked again: Kafka is not ready for it."""


class World:
    """Kafka, the loop, chance, and what waits.

    Parameters
    ----------
    seed
        Of all choices.
    loop
        Reset and used.
    keep_trace
        Whether to write down every step, for people.
    """

    def __init__(self, seed: int, loop: SimLoop, n_partitions: int, *, keep_trace: bool = False) -> None:
        self.rng = random.Random(seed)
        self.loop = loop
        loop.reset()
        self.kafka = Kafka(n_partitions)
        self.group: Any = None
        self.is_lost: Callable[[], bool] = lambda: False
        self.check_write: Callable[..., None] = lambda *_: None
        self.ops: list[Op] = []
        self.processes: list[Any] = []
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.trace: list[str] | None = [] if keep_trace else None
        self.policy = "uniform"
        self.slow_reply = 0.25
        self.error_rate = 0.0
        self.time_rate = 0.03
        self.is_multipart = False
        self.back_pressure = 0.0
        self.delivery_rate = 1.0
        self.agent_rate = 0.2
        self.last: Any = None
        self.n_steps = 0

    def note(self, who: Any, what: str) -> None:
        """Write a line of the trace."""
        if self.trace is not None:
            name = "-" if who is None else who.name
            self.trace.append(f"{self.n_steps:5d} {self.loop.now:7.2f} {name:5s} {what}")

    def fail(self, what: str) -> None:
        """Write down that a promise was broken."""
        self.note(None, f"BROKEN {what}")
        self.failures.append(what)

    def post(
        self,
        process: Any,
        name: str,
        run: Callable[[], Any],
        future: Any = None,
        is_ready: Callable[[], bool] | None = None,
        *,
        is_sent: bool = True,
    ) -> Op:
        """Let *run* wait for its turn; its result goes to *future*, perhaps later still.

        What is *sent* has left the process: it may arrive when that is dead.
        """
        op = Op(process, name, run, future, is_ready, is_sent=is_sent)
        if self.policy == "priority":
            op.priority = self.rng.random()
        self.ops.append(op)
        return op

    async def ask(
        self,
        process: Any,
        name: str,
        run: Callable[[], Any],
        *,
        error: Callable[[], Exception] | None = None,
        is_ready: Callable[[], bool] | None = None,
    ) -> Any:
        """Send a request and wait for the reply; *error* makes what a broken connection raises."""
        process.require_alive()
        future = self.loop.create_future()
        attempt = self._fallible(name, run, error) if error else run
        self.post(process, name, attempt, future, is_ready, is_sent=is_ready is None)
        return await future

    def _fallible(
        self, name: str, run: Callable[[], Any], error: Callable[[], Exception]
    ) -> Callable[[], Any]:
        def attempt() -> Any:
            if self.error_rate and self.rng.random() < self.error_rate:
                self.counts["errors"] += 1
                if self.rng.random() < 0.5:
                    self.counts["unknown outcomes"] += 1
                    run()
                self.note(None, f"{name} fails")
                raise error()
            return run()

        return attempt

    def step(self, *, hurry: bool = False) -> bool:
        """Let one thing happen; return whether anything could. In a *hurry* time passes only if it must."""
        self.n_steps += 1
        ready = [op for op in self.ops if not op.is_held and (op.is_ready is None or op.is_ready())]
        if not ready or (not hurry and self.rng.random() < self.time_rate):
            timer = self.loop.due(_is_awake)
            if timer is None and not ready:
                return False
            if timer is not None:
                self._fire(timer)
                return True
        self._perform(self._choose(ready))
        self.loop.settle()
        return True

    def _fire(self, timer: Timer) -> None:
        self.loop.fire(timer)
        self.loop.settle()

    def _choose(self, ready: list[Op]) -> Op:
        rng, n = self.rng, len(ready)
        if n == 1:
            return ready[0]
        policy = self.policy
        if policy == "priority":
            return max(ready, key=_priority)
        if policy == "sticky" and rng.random() < 0.8:
            mine = [op for op in ready if op.process is self.last]
            if mine:
                return mine[int(rng.random() * len(mine))]
        if policy == "oldest" and rng.random() < 0.7:
            return ready[0]
        if policy == "newest" and rng.random() < 0.7:
            return ready[-1]
        return ready[int(rng.random() * n)]

    def _perform(self, op: Op) -> None:
        self.ops.remove(op)
        self.last = op.process
        if op.is_reply:
            self.note(op.process, f"<- {op.name}")
            op.run()
            return
        try:
            value, error = op.run(), None
        except NotYetError:
            op.priority /= 2  # whatever it waits for comes first
            self.ops.append(op)
            return
        except Exception as failure:  # noqa: BLE001 - it goes to whoever asked
            value, error = None, failure
        self.note(op.process, f"{op.name}" + (f" !{type(error).__name__}" if error else ""))
        if op.future is None or not op.process.is_alive:
            return
        op.run = lambda: _resolve(op.future, value, error)
        op.is_ready = None
        op.is_held = op.process.is_paused
        if op.is_held or self.rng.random() < self.slow_reply:
            op.is_reply = True
            if op.name == "fetch":  # what was fetched waits until the agent comes to it
                op.is_ready = self._is_taken
            if self.policy == "priority":
                op.priority = self.rng.random()
            self.ops.append(op)
        else:
            op.run()

    def _is_taken(self) -> bool:
        return self.rng.random() < self.agent_rate

    def is_delivered(self) -> bool:
        """Return whether a batch on its way arrives now."""
        return self.rng.random() < self.delivery_rate

    def drop(self, process: Any) -> None:
        """Forget what waits for a process that died; what it sent may still arrive."""
        kept = []
        for op in self.ops:
            if op.process is not process:
                kept.append(op)
            elif _is_sent(op) and self.rng.random() < 0.5:
                op.is_held = False
                kept.append(op)
        self.ops = kept

    def hold(self, process: Any) -> None:
        """Stop a process: no reply reaches it; some of what it sent is still under way, some stuck."""
        for op in self.ops:
            if op.process is process:
                op.is_held = not _is_sent(op) or self.rng.random() < 0.5

    def release(self, process: Any) -> None:
        """Let a stopped process go on."""
        for op in self.ops:
            if op.process is process:
                op.is_held = False


def _is_sent(op: Op) -> bool:
    return op.is_sent and not op.is_reply


def _priority(op: Op) -> float:
    return op.priority


def _is_awake(process: Any) -> bool:
    return bool(process.is_alive and not process.is_paused)


def _resolve(future: Any, value: Any, error: Exception | None) -> None:
    if not future.done():
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

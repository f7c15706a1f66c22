"""One schedule of intake: workers take sources in, fall, sleep and wake; at the end all is in the log."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import msgspec
from faust.types import TP

from agents.intake import SourceInlet
from headrace.intake import InletCounts, LogSource, Router
from schemas import Event, Limits
from streams.intake import LogOutbox
from streams.topics import log_topic
from tests.simulation.cluster import HARM_STEPS, Cluster
from tests.simulation.intake import oracle
from tests.simulation.intake.scheme import Restart, Scheme
from tests.simulation.kafka import Transaction
from tests.simulation.loop import SimLoop
from tests.simulation.membership import Membership
from tests.simulation.plan import Event as Sent
from tests.simulation.plan import Plan, planned
from tests.simulation.ports import LOG, PIPELINE, SimGroup
from tests.simulation.process import Process
from tests.simulation.tiny import TinyKit

KEYS = (b"a", b"b", b"c", b"d", b"e", b"f")
STEPS_AFTER_HARM = 40
FAULTS = ("rebalance", "start", "stop", "crash", "crash", "pause", "nap", "nap", "wake", "isolate", "astray")


class Reading(Event):
    """What sources hold."""

    k: str
    n: int = 0


class Named(msgspec.Struct):
    """What intake knows of a pipeline."""

    name: str = PIPELINE
    label: str = f"{PIPELINE}@1"
    limits: Limits = Limits()


SOURCE = LogSource("event", LOG, Reading, key="k")


def plan_of(seed: int) -> tuple[Plan, int]:
    """Return the plan of a seed, and how many partitions the log has."""
    rng = random.Random(seed ^ 0x1A7E)
    plan = planned(seed, "at_least_once")
    n_sources = 1 + int(rng.random() * 3)
    events = [_event(rng, n, n_sources) for n in range(8 + int(rng.random() * 24))]
    return dataclasses.replace(
        plan,
        n_partitions=n_sources,
        events=events,
        n_commands=0,
        with_orders=False,
        faults=FAULTS,
        fault_rate=(0.1, 0.2, 0.3)[int(rng.random() * 3)],
        max_faults=2 + int(rng.random() * 8),
        has_lease=rng.random() < 0.25,
        error_rate=(0.0, 0.03, 0.1, 0.2)[int(rng.random() * 4)],
    ), 1 + int(rng.random() * 3)


def _event(rng: random.Random, n: int, n_sources: int) -> Sent:
    key, chance = KEYS[int(rng.random() * len(KEYS))], rng.random()
    value: bytes | None = json.dumps({"n": n, "k": key.decode(), "id": f"e{n}", "more": n}).encode()
    if chance < 0.08:
        value = b'{"id": 3, "k": "a"}'
    elif chance < 0.14:
        value = None
    return Sent(int(rng.random() * n_sources), key, value, int(rng.random() < 0.15))


class IntakeProcess(Process):
    """A worker that takes sources in."""

    def __init__(self, cluster: IntakeCluster, name: str) -> None:
        super().__init__(cluster.world, cluster.plan, cluster.kit, name, lambda *_: None)
        self._cluster = cluster
        self._scheme = scheme = cluster.scheme
        self.producer = scheme.producer(self)
        self._starts: dict[TP, int] = {}
        self._router = Router(SOURCE, cluster.n_log)
        self.partitions: Any = scheme.partitions(
            group=SimGroup(self),
            open_inlet=self._open_inlet,
            open_outbox=lambda: LogOutbox(lambda: self.producer),  # type: ignore[arg-type, return-value]
        )
        start = self.partitions._start
        self.partitions._start = lambda tp, *more: self._starts.setdefault(tp, start(tp, *more))

    def _open_inlet(self, tp: TP) -> SourceInlet:
        inlet = SourceInlet(Named(), self._router, tp.partition, self._taken)
        restart = Restart(self, tp, self._starts.pop(tp))
        inlet._inlet = self._scheme.inlet(self._router, restart)
        return inlet

    def _taken(self, tp: TP, counts: InletCounts) -> None:
        self.world.counts["taken in"] += counts.taken

    def _fetch(self) -> tuple[Any, Any]:
        """Fetch a round of one chunk or several."""
        flow, first = super()._fetch()
        if flow is None:
            return None, None
        chunks = [first]
        while flow.has_records and self.world.rng.random() < 0.5:
            chunks.append(flow.fetch())
        return flow, (chunks,)

    def start(self) -> None:
        for work in (self._consume, self._recover, self._fold):
            self.run(work(), is_fatal=True)
        self.run(self._commit())

    def publish(self, topic: str, partition: int, records: Any, transaction: Transaction | None) -> None:
        """Let records arrive, whatever has become of the process."""
        for _, value, headers in records:
            self._cluster.arrive(self, topic, partition, value, headers)


class IntakeCluster(Cluster):
    """A schedule of intake while it runs."""

    def __init__(self, seed: int, scheme: Scheme, loop: SimLoop, *, keep_trace: bool = False) -> None:
        plan, self.n_log = plan_of(seed)
        self.scheme = scheme
        if not scheme.loses_batches:
            plan.error_rate = 0.0
        self.log: list[list[bytes]] = [[] for _ in range(self.n_log)]
        self.dead: list[bytes] = []
        super().__init__(plan, loop, kit=TinyKit(plan), keep_trace=keep_trace)
        self.world.group = self.group = Membership(self.world, evicts=plan.has_lease)
        base = (0, 1000)[seed % 2] if scheme.base is None else scheme.base
        for log in self.world.kafka.logs:
            log.start = log.end = base

    def start(self) -> None:
        process = IntakeProcess(self, f"w{self._n_started}")
        self._n_started += 1
        self.world.processes.append(process)
        self.world.note(process, "starts")
        process.start()

    def append(self, event: Sent) -> None:
        self.world.kafka.logs[event.partition].append(event.key, event.value, event.gap)

    def arrive(self, process: IntakeProcess, topic: str, partition: int, value: bytes, headers: Any) -> None:
        """Append a record to the log, or a dead letter."""
        if topic != log_topic(PIPELINE):
            self.dead.append(value)
            return
        self.log[partition].append(value)
        source = msgspec.json.decode(value)["source"]["partition"]
        self.world.counts["zombie records"] += not process.owns(source)

    def finish(self) -> None:
        self._heal()
        if not self.is_over:
            self._stop()
        if not self.is_over:
            oracle.check(self)

    def _harm(self) -> None:
        """Let records come and faults strike until all have, and a little longer."""
        left = STEPS_AFTER_HARM
        for _ in range(HARM_STEPS):
            self._provoke()
            self.faults.keep_agenda()
            is_busy = self.world.step()
            left -= not self._events and not self._faults_left
            if self.is_over or left <= 0 or (not self._events and not is_busy):
                return

    @property
    def _produce_rate(self) -> float:
        """How soon the next record comes: soon, for nothing else is waited for."""
        return (0.2, 0.4, 0.6)[self.plan.seed % 3]

    @property
    def is_done(self) -> bool:
        known = self.world.kafka.committed
        return all(
            not log.records or (partition in known and known[partition].offset == log.end)
            for partition, log in enumerate(self.world.kafka.logs)
        )

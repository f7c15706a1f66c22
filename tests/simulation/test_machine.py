"""Hypothesis chooses what goes wrong, and makes a failure short."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulation.cluster import Cluster
from tests.simulation.loop import SimLoop
from tests.simulation.plan import KEYS, Event, planned
from tests.simulation.run import silence
from tests.simulation.transactions import simulated

FAULTS = ("crash", "pause", "wake", "nap", "isolate", "astray", "stop")


class Schedule(RuleBasedStateMachine):
    """A cluster to which anything may happen; all promises are checked when it has healed."""

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        silence()
        self._open = ExitStack()
        loop = self._open.enter_context(SimLoop())
        self._open.enter_context(simulated())
        plan = replace(planned(seed), events=[], max_faults=0, n_commands=3, has_lease=True)
        plan.faults = FAULTS
        self.cluster = Cluster(plan, loop)
        self.cluster.start()
        loop.settle()
        self._n_events = 0

    @rule(key=st.sampled_from(KEYS), is_bad=st.booleans(), partition=st.integers(0, 1))
    def produce(self, key: bytes, is_bad: bool, partition: int) -> None:
        value = b"!%d" % self._n_events if is_bad else b"v%d" % self._n_events
        self._n_events += 1
        self.cluster.append(Event(partition % self.cluster.plan.n_partitions, key, value, 0))

    @rule(n=st.integers(1, 40))
    def step(self, n: int) -> None:
        for _ in range(n):
            self.cluster.faults.keep_agenda()
            self.cluster.world.step()
        assert not self.cluster.world.failures

    @rule(kind=st.sampled_from(FAULTS), which=st.integers(0, 3))
    def harm(self, kind: str, which: int) -> None:
        if living := self.cluster.living:
            getattr(self.cluster.faults, kind)(living[which % len(living)])
            self.cluster.world.loop.settle()

    @rule(kind=st.sampled_from(["corrupt", "retain", "expire_transaction"]))
    def rot(self, kind: str) -> None:
        getattr(self.cluster.faults, kind)()

    @rule()
    def start(self) -> None:
        if len(self.cluster.living) < 4:
            self.cluster.start()
            self.cluster.world.loop.settle()

    @rule()
    def rebalance(self) -> None:
        self.cluster.group.rebalance()

    @rule()
    def command(self) -> None:
        self.cluster.command()

    def teardown(self) -> None:
        try:
            self.cluster.finish()
            failures = self.cluster.world.failures
        finally:
            for process in self.cluster.living:
                process.kill()
            self._open.close()
        assert not failures


TestSchedule = Schedule.TestCase
TestSchedule.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)

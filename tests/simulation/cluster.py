"""One schedule: processes come, work, fall and wake; at the end all heals, and everything must be right."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import msgspec

from schemas.commands import MAC_HEADER, OF_PARTITION, Command
from tests.simulation import oracle
from tests.simulation.faults import Faults
from tests.simulation.kafka import Record
from tests.simulation.loop import SimLoop
from tests.simulation.membership import Membership
from tests.simulation.plan import HARMLESS, Event, Plan
from tests.simulation.ports import PIPELINE
from tests.simulation.process import Process
from tests.simulation.reference import Commanded, paused
from tests.simulation.tiny import ORDERED, TinyKit
from tests.simulation.world import World

NEVER_MS = 1 << 62
RESUME_STEPS = 300
"""An operator who finds a partition paused lets it go on, again if need be after so many steps."""

HARM_STEPS = 400
TRANSACTION_TIMEOUT_S = 30.0
HEAL_STEPS = 4_000
"""Within so many steps after the last fault everything must be done."""


class Cluster:
    """A schedule while it runs."""

    def __init__(self, plan: Plan, loop: SimLoop, *, kit: Any = None, keep_trace: bool = False) -> None:
        self.plan = plan
        self.kit = kit or TinyKit(plan)
        self.world = world = World(plan.seed, loop, plan.n_partitions, keep_trace=keep_trace)
        world.policy, world.error_rate, world.is_multipart = plan.policy, plan.error_rate, plan.is_multipart
        world.back_pressure, world.slow_reply = plan.back_pressure, plan.slow_reply
        world.agent_rate = plan.agent_rate
        world.time_rate, world.delivery_rate = plan.time_rate, plan.delivery_rate
        world.group = self.group = Membership(world, evicts=plan.has_lease)
        world.is_lost = self.is_lost
        world.check_write = partial(oracle.check_write, self)
        self.faults = Faults(self)
        self.rng: random.Random = world.rng
        self.commands: dict[str, Commanded] = {}
        self._events = list(plan.events)
        self._faults_left = plan.max_faults
        self._commands_left = plan.n_commands
        self._n_started = 0
        self._n_answered = 0
        self._resumed_at = 0

    @property
    def living(self) -> list[Process]:
        """Return the processes that are not dead."""
        return [process for process in self.world.processes if process.is_alive]

    def start(self) -> None:
        """Start a process."""
        process = Process(
            self.world, self.plan, self.kit, f"w{self._n_started}", partial(oracle.check_recovery, self)
        )
        self._n_started += 1
        self.world.processes.append(process)
        self.world.note(process, "starts")
        process.start()

    def is_lost(self) -> bool:
        """Return whether a partition cannot come back, whoever tries."""
        kafka = self.world.kafka
        return any(
            log.start > 0
            and not any(offset >= log.start for offset in oracle.usable(self.kit, kafka, partition))
            for partition, log in enumerate(kafka.logs)
        )

    def command(self) -> bool:
        """Send an operator's command, if it can be given: whoever owns the partition answers."""
        partition = int(self.rng.random() * self.plan.n_partitions)
        if self.plan.with_orders and self.rng.random() < 0.5:
            self._send(self._order(partition))
            return True
        command = self._about_snapshot(partition)
        if command is not None:
            self._send(command)
        return command is not None

    def _order(self, partition: int) -> Command:
        """Return one that names no snapshot; also such as cannot be carried out."""
        rng = self.rng
        action: Any = ("reset", "reset", "pause", "resume")[int(rng.random() * 4)]
        model = "" if action in OF_PARTITION else ORDERED if rng.random() < 0.8 else "nobody"
        version = int(rng.random() * 3) if rng.random() < 0.2 else None
        return Command(
            self._named(Commanded(0, {})), PIPELINE, partition, action, NEVER_MS,
            model=model, expected_version=version,
        )  # fmt: skip

    def _about_snapshot(self, partition: int) -> Command | None:
        rng, kafka = self.rng, self.world.kafka
        whole = [
            stored
            for stored in kafka.slots[partition].values()
            if oracle.is_whole(self.kit, partition, stored)
        ]
        if not whole:
            return None
        stored = whole[int(rng.random() * len(whole))]
        header, state = self.kit.header_of(partition, stored.blob), self.kit.state_in(stored.blob)
        first = header.next_offset + int(rng.random() * 3)
        excluded = ((first, first + int(rng.random() * 2)),) if rng.random() < 0.6 else ()
        action: Any = "unlearn" if excluded else "rollback"
        name = self._named(Commanded(header.next_offset, state))
        return Command(name, PIPELINE, partition, action, NEVER_MS, stored.slot, header.id, excluded)

    def _named(self, commanded: Commanded) -> str:
        name = f"c{len(self.commands)}"
        self.commands[name] = commanded
        return name

    def _send(self, command: Command) -> None:
        """Put *command* into the control topic; with orders, some come twice, and nonsense between them."""
        kafka, values = self.world.kafka, [msgspec.json.encode(command)]
        if self.plan.with_orders:
            values *= 2 if self.rng.random() < 0.1 else 1
            values += [b'{"id":"nonsense"'] if self.rng.random() < 0.1 else []
        for value in values:
            kafka.control.append(Record(len(kafka.control), None, value, 0, ((MAC_HEADER, b"00"),)))
        self.world.note(None, f"command {command}")
        self.world.counts["commands"] += 1

    def produce(self) -> None:
        """Append the next record to the log."""
        self.append(self._events.pop(0))

    def append(self, event: Event) -> None:
        """Append a record to the log."""
        self.world.kafka.logs[event.partition].append(event.key, self.kit.value_of(event), event.gap)

    def run(self) -> None:
        """Run the schedule to its end and check it."""
        for _ in range(self.plan.n_workers):
            self.start()
        self.world.loop.settle()
        self._harm()
        self.finish()

    def finish(self) -> None:
        """Let all heal and stop, and check what came of it."""
        self._heal()
        if not self.is_over:
            self._stop()
        if not self.is_over:
            oracle.check_end(self)
            oracle.count(self)

    @property
    def is_over(self) -> bool:
        """Whether there is no more to see: a promise is broken, or records are lost and that was said."""
        return bool(self.world.failures or self.world.counts["lost records, and said so"])

    def _harm(self) -> None:
        """Let records come, faults strike and commands be given, until all have, or for long enough."""
        hurry = self.plan.faults == HARMLESS
        for _ in range(HARM_STEPS):
            self._provoke()
            self.faults.keep_agenda()
            is_busy = self.world.step(hurry=hurry)
            is_spent = not self._events and not self._faults_left and not self._commands_left
            if self.is_over or (is_spent and (self.is_done or not is_busy)):
                return

    def _provoke(self) -> None:
        chance = self.rng.random()
        if self._events and chance < self._produce_rate:
            self.produce()
        elif self._faults_left > 0 and chance > 1 - self.plan.fault_rate:
            self._faults_left -= 1
            self.faults.strike()
        elif self._commands_left > 0 and self.rng.random() < 0.1 and self.command():
            self._commands_left -= 1

    @property
    def is_done(self) -> bool:
        """Whether everything in the log is processed and committed."""
        kafka = self.world.kafka
        for partition, log in enumerate(kafka.logs):
            done = kafka.committed.get(partition)
            if log.records and (done is None or done.offset != log.end):
                return False
        if any(found.current for found in kafka.ids.values()):
            return False
        return self._are_answered()

    def _are_answered(self) -> bool:
        """Return whether every record of the control topic has its event in the audit topic."""
        kafka = self.world.kafka
        if len(kafka.control) != self._n_answered:
            self._n_answered = len({event.control_offset for event in kafka.audit})
        return len(kafka.control) == self._n_answered

    @property
    def _produce_rate(self) -> float:
        """How soon the next record comes: the last of them wait until commands are answered."""
        waits = self._commands_left > 0 or len(self.world.kafka.control) != self._n_answered
        if waits and len(self._events) < len(self.plan.events) / 2 and not self._are_answered():
            return 0.01
        return 0.15

    def _heal(self) -> None:
        """End all faults and let everything settle."""
        self.world.error_rate = 0.0
        while self._events:
            self.produce()
        for _ in range(HEAL_STEPS):
            self._mend()
            is_quiet = not self.group.is_rebalancing and not any(one.is_zombie for one in self.living)
            if self.is_over or (is_quiet and self.is_done):
                return
            self.world.step(hurry=True)
        self.world.fail("stuck: not everything is processed, committed and answered")

    def _stop(self) -> None:
        """Stop everybody as on SIGTERM."""
        for process in self.living:
            if not process.is_stopping:
                process.run(process.stop())
        self.world.loop.settle()
        for _ in range(HEAL_STEPS):
            if self.is_over or not self.living:
                return
            self.world.step(hurry=True)
        self.world.fail("stuck: a process does not stop")

    def _mend(self) -> None:
        self.faults.mend()
        kafka = self.world.kafka
        for partition, journal in enumerate(kafka.journal):
            if paused(journal) and self.world.n_steps > self._resumed_at + RESUME_STEPS:
                self._resumed_at = self.world.n_steps
                name = self._named(Commanded(0, {}))
                self._send(Command(name, PIPELINE, partition, "resume", NEVER_MS))
        for name, found in kafka.ids.items():
            open_s = 0.0 if found.current is None else self.world.loop.now - found.current.began_at
            if open_s > TRANSACTION_TIMEOUT_S or not found.owner.is_alive:
                kafka.expire_transaction(name)
        if not any(not process.is_stopping for process in self.living):
            self.start()
            self.world.loop.settle()

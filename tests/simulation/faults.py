"""What goes wrong: processes die, sleep, wake and wander, snapshots rot, records are deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation import oracle
from tests.simulation.process import SESSION_TIMEOUT_S, Process

CRITICAL = ("write ", "tear ", "journal ", "commit ", "offsets ", "end transaction")
"""Requests at which a fault does most harm."""

MAX_LIVING = 4


class Faults:
    """Does harm to a cluster, and mends it."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._world = cluster.world
        self._rng = cluster.world.rng
        self._agenda: list[tuple[int, Callable[[Process], None], Process]] = []

    def strike(self) -> None:
        """Let one thing go wrong, chosen among those the plan allows."""
        kinds = self._cluster.plan.faults
        kind = kinds[int(self._rng.random() * len(kinds))]
        if kind in {"corrupt", "expire_transaction", "retain"}:
            getattr(self, kind)()
        elif kind == "rebalance":
            self._world.group.rebalance()
        elif kind == "start":
            if len(self._cluster.living) < MAX_LIVING:
                self._cluster.start()
        elif processes := self._busy() or self._cluster.living:
            getattr(self, kind)(processes[int(self._rng.random() * len(processes))])
        self._world.loop.settle()

    def _busy(self) -> list[Process]:
        """Return, now and then, those in the middle of what matters."""
        if self._rng.random() < 0.5:
            return []
        return [op.process for op in self._world.ops if op.name.startswith(CRITICAL) and op.process.is_alive]

    def keep_agenda(self) -> None:
        """Do what was put off until now."""
        for entry in self._agenda:
            at, action, process = entry
            if at <= self._world.n_steps:
                self._agenda.remove(entry)
                if process.is_alive:
                    action(process)
                    self._world.loop.settle()
                return

    def crash(self, process: Process) -> None:
        """Kill a process as by SIGKILL."""
        self._world.note(process, "is killed")
        self._world.counts["crashes"] += 1
        process.kill()

    def stop(self, process: Process) -> None:
        """Tell a process to stop, as by SIGTERM."""
        if not process.is_paused and not process.is_stopping and not process.is_isolated:
            self._world.note(process, "is told to stop")
            process.run(process.stop())

    def pause(self, process: Process) -> None:
        """Stop a process as by SIGSTOP."""
        if not process.is_paused:
            self._world.note(process, "is paused")
            process.is_paused = True
            process.go_away()
            self._world.hold(process)
            self._world.counts["pauses"] += 1

    def nap(self, process: Process) -> None:
        """Stop a process, let its session end, and let it wake when others have its partitions."""
        self.pause(process)
        self._forget(process, self.wake)

    def wake(self, process: Process) -> None:
        """Let a paused process go on, a zombie if the group has forgotten it; let it hear the group."""
        if process.is_paused:
            self._world.note(process, "wakes")
            process.is_paused = False
            if process.is_zombie and process.flow is not None:
                self._world.counts["zombies woken"] += 1
            self._world.release(process)
        self._hear(process)

    def isolate(self, process: Process) -> None:
        """Cut a process off from the group's coordinator; the rest of Kafka it still reaches."""
        if process.is_isolated:
            return
        self._world.note(process, "is isolated")
        process.is_isolated = True
        process.go_away()
        self._world.counts["isolations"] += 1
        for op in self._world.ops:
            op.is_held = op.is_held or (op.process is process and op.name == "heartbeat")

    def astray(self, process: Process) -> None:
        """Cut a process off for so long that its session ends; it works on, and does not know."""
        self.isolate(process)
        self._forget(process, self._join_up)

    def _forget(self, process: Process, come_back: Callable[[Process], None]) -> None:
        if len(self._cluster.living) < 2:
            self._cluster.start()
        expires_at = self._world.n_steps + int(self._rng.random() * 30)
        back_at = expires_at + int(self._rng.random() * 80)
        self._agenda += [(expires_at, self.expire, process), (back_at, come_back, process)]

    def _join_up(self, process: Process) -> None:
        process.is_isolated = False
        if not process.is_paused:
            self._world.release(process)
            self._hear(process)

    def _hear(self, process: Process) -> None:
        if process.is_isolated:
            return
        group = self._world.group
        if group.knows(process.name, process.generation):
            process.away_at = None
        group.heartbeat(process)

    def expire(self, process: Process) -> None:
        """Let the session of a member end that was not heard of for long enough."""
        group, loop = self._world.group, self._world.loop
        if process.name not in group.members:
            return
        if process.is_alive:
            if process.away_at is None:
                return
            loop.now = max(loop.now, process.away_at + SESSION_TIMEOUT_S)
        self._world.note(process, "expires")
        self._world.counts["expired sessions"] += 1
        group.leave(process.name)

    def corrupt(self) -> None:
        """Flip a bit of a snapshot that is stored; of what decisions need, somebody has a backup."""
        partition = int(self._rng.random() * self._cluster.plan.n_partitions)
        slots = self._world.kafka.slots[partition]
        names = [name for name in slots if not name.startswith("pin-")]
        if names:
            name = names[int(self._rng.random() * len(names))]
            blob = bytearray(slots[name].blob)
            blob[int(self._rng.random() * len(blob))] ^= 1 << int(self._rng.random() * 8)
            slots[name] = slots[name]._replace(blob=bytes(blob))
            self._world.note(None, f"corrupted {partition} {name}")
            self._world.counts["corruptions"] += 1

    def expire_transaction(self) -> None:
        """Let the coordinator abort a transaction that is open."""
        names = sorted(self._world.kafka.ids)
        if names and self._world.kafka.expire_transaction(names[int(self._rng.random() * len(names))]):
            self._world.counts["expired transactions"] += 1

    def retain(self) -> None:
        """Let retention delete what no recovery should need: two good snapshots are behind it."""
        partition = int(self._rng.random() * self._cluster.plan.n_partitions)
        living, log = self._cluster.living, self._world.kafka.logs[partition]
        found = oracle.usable(self._cluster.kit, self._world.kafka, partition)
        standing = [p.processor.next_offset for one in living for _, p in one.partitions.items()]
        start = min([log.end, *standing, *found[1:2]])
        if len(found) > 1 and start > log.start and not any(one.is_assigning for one in living):
            log.start = start
            self._world.note(None, f"retention: {partition} begins at {start}")
            self._world.counts["retentions"] += 1

    def mend(self) -> None:
        """Let the sleepers wake, the lost come back, and the sessions of the dead end."""
        for process in list(self._world.processes):
            if not process.is_alive:
                self.expire(process)
            elif process.is_paused or process.is_isolated:
                process.is_isolated = False
                self.wake(process)
                self._world.release(process)

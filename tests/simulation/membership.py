"""The group's coordinator as processes meet it: joins that wait, heartbeats that tell what has changed."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.simulation.kafka import Group
from tests.simulation.world import World

BEAT_RATE = 0.15
"""Share of the steps in which a heartbeat may come: they are slow, compared with all else."""


class Membership(Group):
    """The coordinator, with the joins that wait for it.

    Parameters
    ----------
    evicts
        Whether a process ends that hears it is no member; else it joins again, as aiokafka would.
    """

    def __init__(self, world: World, *, evicts: bool) -> None:
        super().__init__(world.kafka)
        self._world = world
        self._evicts = evicts
        self._waiting: dict[str, tuple[Any, Any]] = {}
        self._await_all()

    def join(self, name: str, future: Any = None, process: Any = None) -> None:
        """Take a member in for the next generation; *future* gets what that assigns to it."""
        self._waiting[name] = future, process
        super().join(name)
        self._call()

    def leave(self, name: str) -> None:
        """Let a member go; one that waits to join is told that it is not known, and tries again."""
        future, process = self._waiting.pop(name, (None, None))
        super().leave(name)
        if process is not None and process.is_alive and not process.is_stopping:
            process.ask_to_join(future)
        self._call()

    def rebalance(self) -> None:
        """Call everybody to join again."""
        super().rebalance()
        self._call()

    def _await_all(self) -> None:
        self._world.post(None, "begin generation", self._begin, is_ready=self.is_complete)

    def _begin(self) -> None:
        world, order = self._world, sorted(self.members)
        if world.rng.random() < 0.4:
            world.rng.shuffle(order)
        self.assign(order)
        world.note(None, f"generation {self.generation} {self.owner}")
        for name in order:
            future, process = self._waiting.pop(name)
            mine = [p for p, owner in self.owner.items() if owner == name]
            found = self.generation, mine, world.loop.now
            joined = world.post(process, "joined", partial(_tell, future, found))
            joined.is_reply = True
        self._await_all()

    def _call(self) -> None:
        for process in self._world.processes:
            if process.is_alive and process.name not in self._waiting:
                self.heartbeat(process)

    def heartbeat(self, process: Any) -> None:
        """Let a member hear, in its time, of what has changed; not if it hears nothing at all."""
        if process.generation < 0 or process.is_beating:
            return
        is_busy = process.is_called or process.is_stopping  # on its way to join, or to leave
        is_evicted = not self.knows(process.name, process.generation)
        if (is_evicted and (self._evicts or not is_busy)) or (self.is_rebalancing and not is_busy):
            process.is_beating = True
            beat = self._world.post(
                process, "heartbeat", partial(self._beat, process), is_ready=self._is_beat
            )
            beat.is_reply = True
            beat.is_held = process.is_paused or process.is_isolated

    def _is_beat(self) -> bool:
        return self._world.rng.random() < BEAT_RATE

    def _beat(self, process: Any) -> None:
        process.is_beating = False
        if not process.is_alive or process.generation < 0:
            return
        is_known = self.knows(process.name, process.generation)
        if not is_known and self._evicts:
            self._world.note(process, "is told that it is no member")
            self._world.counts["evicted"] += 1
            process.kill()
        elif (self.is_rebalancing or not is_known) and not process.is_stopping:
            process.call()


def _tell(future: Any, value: Any) -> None:
    if not future.done():
        future.set_result(value)

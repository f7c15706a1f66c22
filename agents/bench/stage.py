"""Where runs take place: the broker, the peers' Python, and the topics of each run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agents.bench import plan
from agents.bench.peers.common import PARTITIONS
from agents.bench.plan import Contestant
from agents.bench.processes import Child, ContestantError, answer
from streams import client, groups, topics
from streams.topics import TopicSpec

JOIN_TIMEOUT_S = 60.0
_RETENTION_S = 3600.0


class Stage(msgspec.Struct, frozen=True):
    """A broker, the peers' Python, and a name that no earlier run has used."""

    bootstrap: str
    peers_python: Path
    run_id: str

    def name(self, *parts: object) -> str:
        """Return a name for a topic or a group, different in every run."""
        return ".".join(["bench", self.run_id, *map(str, parts)])

    def command(self, contestant: Contestant, *options: object) -> list[str]:
        """Return the command line that runs *contestant* on this broker."""
        start = plan.command(contestant.script, self.peers_python, is_ours=contestant.is_ours)
        return [*start, "--bootstrap", self.bootstrap, *map(str, options)]

    def script(self, script: str, *options: object) -> list[str]:
        """Return the command line that runs *script* of the peers on this broker."""
        start = plan.command(script, self.peers_python)
        return [*start, "--bootstrap", self.bootstrap, *map(str, options)]

    def ours(self, module: str, *options: object) -> list[str]:
        """Return the command line that runs a module of headrace."""
        return [*plan.command(module, self.peers_python, is_ours=True), *map(str, options)]

    @contextmanager
    def topics(self, *names: str) -> Iterator[None]:
        """Create topics and delete them in the end."""
        specs = [TopicSpec(name, "any", "bench", PARTITIONS, _RETENTION_S) for name in names]
        with self.existing(specs):
            yield

    @contextmanager
    def existing(self, specs: Sequence[TopicSpec]) -> Iterator[None]:
        """Create the topics of *specs* and delete them in the end, but for the one of commands."""
        asyncio.run(_create(self.bootstrap, specs))
        try:
            yield
        finally:
            asyncio.run(_delete(self.bootstrap, [s.name for s in specs if s.name != topics.CONTROL_TOPIC]))

    @contextmanager
    def results_of(self, group: str) -> Iterator[None]:
        """Create what a pipeline called *group* writes to, and delete it in the end."""
        _, *specs = topics.pipeline_topics(
            group, "", key=None, event="bench", partitions=PARTITIONS, retention_s=_RETENTION_S
        )
        with self.existing(specs):
            yield

    def fill(self, source: str, n_events: int) -> None:
        """Produce *n_events* to *source*."""
        answer(self.script("feed.py", "--source", source, "--events", n_events))

    def wait_for_group(self, group: str, source: str, workers: Sequence[Child]) -> None:
        """Return when *workers* share all partitions of *source* evenly."""
        wanted = [PARTITIONS // len(workers)] * len(workers)
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        while asyncio.run(_held(self.bootstrap, group, source)) != wanted:
            for worker in workers:
                worker.require_running()
            if time.monotonic() > deadline:
                raise ContestantError(f"group {group} did not share its partitions in time")
            time.sleep(0.1)


async def _create(bootstrap: str, specs: Sequence[TopicSpec]) -> None:
    async with client.admin(bootstrap) as admin:
        await topics.create(admin, specs, replication=1)


async def _delete(bootstrap: str, names: Sequence[str]) -> None:
    async with client.admin(bootstrap) as admin:
        await admin.delete_topics(list(names))


async def _held(bootstrap: str, group: str, source: str) -> list[int]:
    async with client.admin(bootstrap) as admin:
        return [len(member.partitions) for member in await groups.members(admin, group, source)]

"""What state and delivery cost: headrace against itself, with one thing more each time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.bench.measured import Run
from agents.bench.peers.common import PARTITIONS
from agents.bench.plan import CONTESTANTS
from agents.bench.processes import answer
from agents.bench.stage import Stage

MODEL = "lr"
_NEVER = MappingProxyType({"HEADRACE_SNAPSHOT_INTERVAL_S": "86400", "HEADRACE_SNAPSHOT_EVENTS": "1000000000"})


class Variant(msgspec.Struct, frozen=True):
    """One way to run headrace; *is_answered*: all results are out already, so it folds in silence."""

    name: str
    env: Mapping[str, str]
    is_answered: bool = False


PLAIN = "no snapshots"
"""The variant that the others are compared with."""

SNAPSHOTS, EXACTLY_ONCE, REPLAY = "a snapshot every second", "exactly once", "silent replay"

VARIANTS = (
    Variant(PLAIN, _NEVER),
    Variant(SNAPSHOTS, {"HEADRACE_SNAPSHOT_INTERVAL_S": "1"}),
    Variant(EXACTLY_ONCE, {**_NEVER, "HEADRACE_DELIVERY": "exactly_once"}),
    Variant(REPLAY, _NEVER, is_answered=True),
)


def run(stage: Stage, variant: Variant, *, number: int, source: str, n_events: int) -> Run:
    """Return how *variant* did on the first *n_events* of *source*, in round *number*."""
    group = stage.name("variant", variant.name.replace(" ", "-"), number)
    options = ("--source", source, "--group", group, "--model", MODEL, "--events", n_events)
    with stage.results_of(group):
        if variant.is_answered:
            asyncio.run(_commit_all(stage.bootstrap, group, source))
        said = answer(stage.command(CONTESTANTS["headrace"], *options), env=variant.env)
    return Run(
        MODEL,
        number,
        variant.name,
        said["events"],
        said["seconds"],
        said["cpu_seconds"],
        said["peak_rss_mb"],
    )


async def _commit_all(bootstrap: str, group: str, source: str) -> None:
    """Let *group* have answered all of *source*."""
    tps = [TopicPartition(source, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(tps)
        await consumer.commit(await consumer.end_offsets(tps))
    finally:
        await consumer.stop()

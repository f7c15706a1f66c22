"""`headrace status`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import click
import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stdout,
)
from agents.pipeline_topics import topic_specs
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from schemas.decisions import Epoch, JournalRecord
from streams import client, groups, reading, topics
from streams.kafka_ports import TailReader
from streams.topics import decisions_topic

ANSWER_WITHIN_S = 1.0
LOOK_BACK = 20
"""The newest records of the decisions topic tell who owns a partition."""

N_SHOWN = 3
"""The topics a user publishes to and reads: source, predictions, dead letters."""


class Share(msgspec.Struct):
    """One partition of the log, or of a source that is merged into it: who works on it and how far."""

    topic: str
    partition: int
    worker: str | None
    start: int
    committed: int | None
    end: int
    to_replay: int | None = None
    eta_s: float | None = None

    @property
    def lag(self) -> int:
        """Records that wait; what retention deleted waits no more."""
        return self.end - max(self.start, self.committed or 0)


@click.command("status")
@click.argument("target")
@bootstrap_option
@json_option
def command(target: str, bootstrap: str | None, as_json: bool) -> None:
    """Say who works on TARGET, how far they are, what came out.

    \b
    Example:
      headrace status pipelines.fraud
    """
    pipeline = load_pipeline(target)
    address = load_settings(bootstrap).bootstrap or ""
    shares, sources, results = asyncio.run(inspect(address, pipeline, target))
    workers = sorted({s.worker for s in [*shares, *sources] if s.worker})
    total, waiting = sum(s.lag for s in shares), sum(s.lag for s in sources)
    if as_json:
        print_json(
            {
                "pipeline": pipeline.label,
                "workers": len(workers),
                "lag": total,
                "source_lag": waiting,
                "records": results,
                "partitions": [msgspec.to_builtins(s) | {"lag": s.lag} for s in shares],
                "sources": [msgspec.to_builtins(s) | {"lag": s.lag} for s in sources],
            }
        )
        return
    state = "[green]running[/]" if workers else "[yellow]no worker[/]"
    behind = f"lag {total:,}" + (f", {waiting:,} to be taken in" if sources else "")
    stdout.print(f"[bold]{pipeline.label}[/]  {state}  {_counted(len(workers), 'worker')}  {behind}")
    for name, n in results.items():
        stdout.print(f"  {name}  {n:,} records")
    columns = ["partition", "worker", "start", "committed", "end", "lag"]
    rows: list[tuple[Any, ...]] = [_row(s) for s in shares]
    if any(s.to_replay for s in shares):
        columns += ["to replay", "ready in"]
        rows = [(*row, s.to_replay, _eta(s)) for row, s in zip(rows, shares, strict=True)]
    print_table(columns, rows)
    if sources:
        stdout.print()
        print_table(["source", *columns[:6]], [(s.topic, *_row(s)) for s in sources])


def _row(share: Share) -> tuple[Any, ...]:
    return share.partition, share.worker, share.start, share.committed, share.end, share.lag


def _eta(share: Share) -> str | None:
    return None if share.eta_s is None else f"{share.eta_s:.0f} s"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


async def inspect(
    address: str, pipeline: Pipeline, target: str = "TARGET"
) -> tuple[list[Share], list[Share], dict[str, int]]:
    """Return the shares of the log's partitions and of those of its sources, and the records per topic."""
    async with client.admin(address) as admin, client.reader(address) as consumer:
        await topics.require(admin, topic_specs(pipeline), target)
        shares = await _shares(admin, consumer, pipeline.name, pipeline.log.name)
        sources = [
            share
            for source in pipeline.log_sources
            for share in await _shares(admin, consumer, pipeline.name, source.topic)
        ]
        listed = {name: n for name, _, n in await topics.listing(consumer)}
        replays = await _replays(TailReader(consumer), pipeline.name, [s.partition for s in shares])
    for share in shares:
        share.to_replay, share.eta_s = replays.get(share.partition, (None, None))
    return shares, sources, {spec.name: listed[spec.name] for spec in topic_specs(pipeline)[:N_SHOWN]}


async def _shares(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, topic: str
) -> list[Share]:
    tps = await reading.require(consumer, topic)
    starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    done = await groups.committed(admin, group, topic, [tp.partition for tp in tps])
    holders = {
        partition: f"{member.client_host} {member.member_id[-8:]}"
        for member in await groups.members(admin, group, topic)
        for partition in member.partitions
    }
    return [
        Share(topic, tp.partition, holders.get(tp.partition), starts[tp], done.get(tp.partition), ends[tp])
        for tp in tps
    ]


async def _replays(
    reader: TailReader, pipeline: str, partitions: list[int]
) -> dict[int, tuple[int, float | None]]:
    """Ask the owners what they have still to replay; an owner that does not answer says nothing."""
    addresses = set()
    for partition in partitions:
        for record in await reader.read_last(decisions_topic(pipeline), partition, LOOK_BACK):
            with suppress(msgspec.MsgspecError):
                found = msgspec.json.decode(record.value or b"", type=JournalRecord)
                if isinstance(found, Epoch) and found.http:
                    addresses.add(found.http)
    rows: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)) as session:
        for address in addresses:
            with suppress(aiohttp.ClientError, TimeoutError, ValueError):
                async with session.get(f"{address}/ready") as reply:
                    rows += (await reply.json()).get("replay", [])
    return {row["partition"]: (row["remaining"], row["eta_s"]) for row in rows}

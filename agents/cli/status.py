"""`headrace status`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import click
import msgspec

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
    """One partition of the log: who works on it and how far."""

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
    shares, results = asyncio.run(inspect(address, pipeline, target))
    workers = sorted({s.worker for s in shares if s.worker})
    total = sum(s.lag for s in shares)
    if as_json:
        print_json(
            {
                "pipeline": pipeline.label,
                "workers": len(workers),
                "lag": total,
                "records": results,
                "partitions": [msgspec.to_builtins(s) | {"lag": s.lag} for s in shares],
            }
        )
        return
    state = "[green]running[/]" if workers else "[yellow]no worker[/]"
    stdout.print(f"[bold]{pipeline.label}[/]  {state}  {_counted(len(workers), 'worker')}  lag {total:,}")
    for name, n in results.items():
        stdout.print(f"  {name}  {n:,} records")
    columns = ["partition", "worker", "start", "committed", "end", "lag"]
    rows: list[tuple[Any, ...]] = [
        (s.partition, s.worker, s.start, s.committed, s.end, s.lag) for s in shares
    ]
    if any(s.to_replay for s in shares):
        columns += ["to replay", "ready in"]
        rows = [(*row, s.to_replay, _eta(s)) for row, s in zip(rows, shares, strict=True)]
    print_table(columns, rows)


def _eta(share: Share) -> str | None:
    return None if share.eta_s is None else f"{share.eta_s:.0f} s"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


async def inspect(
    address: str, pipeline: Pipeline, target: str = "TARGET"
) -> tuple[list[Share], dict[str, int]]:
    """Return each partition's share of the work, and the number of records per topic."""
    source = pipeline.log.name
    async with client.admin(address) as admin, client.reader(address) as consumer:
        await topics.require(admin, topic_specs(pipeline), target)
        tps = await reading.require(consumer, source)
        starts = await consumer.beginning_offsets(tps)
        ends = await consumer.end_offsets(tps)
        done = await groups.committed(admin, pipeline.name, source, [tp.partition for tp in tps])
        holders = {
            partition: f"{member.client_host} {member.member_id[-8:]}"
            for member in await groups.members(admin, pipeline.name, source)
            for partition in member.partitions
        }
        listed = {name: n for name, _, n in await topics.listing(consumer)}
        replays = await _replays(TailReader(consumer), pipeline.name, [tp.partition for tp in tps])
    shares = [
        Share(
            tp.partition,
            holders.get(tp.partition),
            starts[tp],
            done.get(tp.partition),
            ends[tp],
            **replays.get(tp.partition, {}),
        )
        for tp in tps
    ]
    return shares, {spec.name: listed[spec.name] for spec in topic_specs(pipeline)[:N_SHOWN]}


async def _replays(reader: TailReader, pipeline: str, partitions: list[int]) -> dict[int, dict[str, Any]]:
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
    return {row["partition"]: {"to_replay": row["remaining"], "eta_s": row["eta_s"]} for row in rows}

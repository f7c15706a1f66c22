"""`headrace status`."""

from __future__ import annotations

import asyncio

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
from agents.worker import topic_specs
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from streams import client, groups, reading, topics


class Share(msgspec.Struct):
    """One partition of the log: who works on it and how far."""

    partition: int
    worker: str | None
    committed: int | None
    end: int

    @property
    def lag(self) -> int:
        """Records of the log beyond the committed offset."""
        return self.end - (self.committed or 0)


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
    shares, results = asyncio.run(inspect(address, pipeline))
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
    stdout.print(f"[bold]{pipeline.label}[/]  {state}  {len(workers)} workers  lag {total:,}")
    for name, n in results.items():
        stdout.print(f"  {name}  {n:,} records")
    print_table(
        ["partition", "worker", "committed", "end", "lag"],
        [(s.partition, s.worker, s.committed, s.end, s.lag) for s in shares],
    )


async def inspect(address: str, pipeline: Pipeline) -> tuple[list[Share], dict[str, int]]:
    """Return each partition's share of the work, and the number of records per topic."""
    source = pipeline.source.name
    async with client.admin(address) as admin, client.reader(address) as consumer:
        await topics.require(admin, topic_specs(pipeline), "TARGET")
        ends = await reading.end_offsets(consumer, source)
        done = await groups.committed(admin, pipeline.name, source, sorted(ends))
        holders = {
            partition: f"{member.client_host} {member.member_id[-8:]}"
            for member in await groups.members(admin, pipeline.name, source)
            for partition in member.partitions
        }
        listed = {name: n for name, _, n in await topics.listing(consumer)}
    shares = [Share(p, holders.get(p), done.get(p), end) for p, end in sorted(ends.items())]
    return shares, {spec.name: listed[spec.name] for spec in topic_specs(pipeline)}

"""`headrace topics ls|create|check`."""

from __future__ import annotations

import asyncio

import click
from rich.markup import escape

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stdout,
)
from agents.pipeline_topics import topic_specs
from headrace.errors import TopicError
from headrace.loading import load_pipeline
from streams import client, topics
from streams.topics import TopicCheck


@click.group("topics")
def command() -> None:
    """List, create and check topics.

    \b
    Example:
      headrace topics create pipelines.fraud
    """


@command.command()
@bootstrap_option
@json_option
def ls(bootstrap: str | None, as_json: bool) -> None:
    """List all topics of the broker with their partitions and records.

    \b
    Example:
      headrace topics ls --json
    """
    address = load_settings(bootstrap).bootstrap or ""

    async def ask() -> list[tuple[str, int, int]]:
        async with client.reader(address) as consumer:
            return await topics.listing(consumer)

    rows = asyncio.run(ask())
    if as_json:
        print_json([{"topic": n, "partitions": p, "records": r} for n, p, r in rows])
    else:
        print_table(["topic", "partitions", "records"], rows)


@command.command()
@click.argument("target")
@bootstrap_option
@click.option("--replication", type=click.IntRange(1), help="Default: 3, or as many as there are brokers.")
def create(target: str, bootstrap: str | None, replication: int | None) -> None:
    """Create the topics of TARGET that are missing.

    \b
    Example:
      headrace topics create pipelines.fraud
    """
    specs = topic_specs(load_pipeline(target))
    address = load_settings(bootstrap).bootstrap or ""

    async def make() -> list[str]:
        async with client.admin(address) as admin:
            return await topics.create(admin, specs, replication=replication)

    made = asyncio.run(make())
    for spec in specs:
        state = "created" if spec.name in made else "was there"
        click.echo(f"{state:10} {spec.name} ({spec.partitions} partitions)")


@command.command()
@click.argument("target")
@bootstrap_option
@json_option
def check(target: str, bootstrap: str | None, as_json: bool) -> None:
    """Compare the topics of TARGET with the broker's. Exit code 4 if any differs.

    \b
    Example:
      headrace topics check pipelines.fraud
    """
    specs = topic_specs(load_pipeline(target))
    address = load_settings(bootstrap).bootstrap or ""

    async def ask() -> list[TopicCheck]:
        async with client.admin(address) as admin:
            return await topics.check(admin, specs)

    found = asyncio.run(ask())
    if as_json:
        print_json(
            [
                {
                    "topic": c.spec.name,
                    "partitions": c.partitions,
                    "expected": c.spec.partitions,
                    "problem": c.problem,
                }
                for c in found
            ]
        )
    else:
        for c in found:
            mark = "[green]ok[/]  " if c.problem is None else "[red]bad[/] "
            stdout.print(f"{mark} {escape(c.spec.name)}  {c.problem or f'{c.partitions} partitions'}")
    if any(c.problem for c in found):
        raise TopicError(
            f"{sum(c.problem is not None for c in found)} of {len(found)} topics are not as declared",
            fix=f"headrace topics create {target}",
        )

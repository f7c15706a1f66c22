"""`headrace model rollback`."""

from __future__ import annotations

import asyncio

import click

from agents.cli.common import bootstrap_option, json_option, load_settings, print_json, stderr
from agents.travel import rollback
from agents.travel.marks import Mark
from agents.travel.options import mark, partition_option


@click.command("rollback")
@click.argument("target")
@click.option("--to", metavar="ID", help="Go back to this snapshot; headrace model history lists them.")
@click.option(
    "--before",
    callback=mark,
    metavar="WHERE",
    help="To the newest before an offset, or a time (2h ago, 2025-11-30T12:00 UTC).",
)
@partition_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@bootstrap_option
@json_option
def command(
    target: str,
    to: str | None,
    before: Mark | None,
    partitions: tuple[int, ...],
    yes: bool,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Let the models of TARGET become those of an older snapshot.

    The workers go on at the same offset, with the older models: a decision says from where on, and replay and
    recovery take the same turn. What came between is not learned again.

    \b
    Example:
      headrace model rollback pipelines.fraud --before 2h
      headrace model rollback pipelines.fraud -p 3 --to 4.12.480000 --yes
    """
    if (to is None) == (before is None):
        raise click.UsageError("say where to: --to a snapshot, or --before a place in the log")
    settings = load_settings(bootstrap)
    steps = asyncio.run(rollback.choose(target, settings, partitions, to=to, before=before))
    if not yes:
        for step in steps:
            header = step.snapshot.header
            stderr.print(
                f"partition {step.partition}: to snapshot {header.id}, offset {header.next_offset:,}, "
                f"{max(0, step.committed - header.next_offset):,} records back",
                markup=False,
            )
        click.confirm("go back to these?", abort=True, err=True)
    done = [(step, asyncio.run(rollback.carry_out(settings, step))) for step in steps]
    if as_json:
        print_json(
            [
                {
                    "partition": step.partition,
                    "snapshot": step.snapshot.header.id,
                    "snapshot_offset": step.snapshot.header.next_offset,
                    "decision": decision.command,
                    "acts_at": decision.acts_at,
                }
                for step, decision in done
            ]
        )
        return
    for step, decision in done:
        click.echo(
            f"partition {step.partition}: from offset {decision.acts_at} on with the models of "
            f"{step.snapshot.header.id}, decision {decision.command}"
        )

"""`headrace model history|rollback`."""

from __future__ import annotations

import asyncio
import time

import click
import msgspec

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stderr,
    stdout,
)
from agents.travel import backup, history, rollback
from agents.travel.history import Entry
from agents.travel.marks import Mark
from agents.travel.options import ago, mark, partition_option


@click.group("model")
def command() -> None:
    """Look at what the models were, and go back to it.

    \b
    Example:
      headrace model history pipelines.fraud
      headrace model rollback pipelines.fraud --before 2h
    """


@command.command("history")
@click.argument("target")
@click.option("--owners", is_flag=True, help="Also which workers had the partition, and from where on.")
@partition_option
@bootstrap_option
@json_option
def history_(
    target: str, owners: bool, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool
) -> None:
    """Print the snapshots and decisions of TARGET, partition by partition, in the order of the log.

    Live snapshots take turns; kept and pinned ones stay. Rollbacks and unlearnings stand at the offset from
    which they act, with the records that the models do not know from there on.

    \b
    Example:
      headrace model history pipelines.fraud -p 3 --owners
    """
    settings = load_settings(bootstrap)

    async def ask() -> list[Entry]:
        async with backup.pasts(target, settings, partitions) as (_, found):
            return [entry for past in found for entry in history.entries(past)]

    entries = [entry for entry in asyncio.run(ask()) if owners or entry.kind != "owner"]
    if as_json:
        print_json([msgspec.to_builtins(entry) for entry in entries])
    elif entries:
        now_ms = time.time() * 1000
        rows = [_row(entry, now_ms) for entry in entries]
        print_table(["partition", "offset", "", "age", "id", ""], rows)
    else:
        stdout.print("no snapshots and no decisions yet")


@command.command("rollback")
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
def rollback_(
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
                    "decision": decision.id,
                    "acts_at": decision.at,
                }
                for step, decision in done
            ]
        )
        return
    for step, decision in done:
        click.echo(
            f"partition {step.partition}: from offset {decision.at} on with the models of "
            f"{step.snapshot.header.id}, decision {decision.id}"
        )


def _row(entry: Entry, now_ms: float) -> tuple[object, ...]:
    age = None if entry.created_ms is None else ago((now_ms - entry.created_ms) / 1000)
    name = entry.what[:8] if entry.kind in ("rollback", "unlearn", "refused") else entry.what
    return entry.partition, entry.offset, entry.kind, age, name, _remarks(entry)


def _remarks(entry: Entry) -> str:
    remarks = [] if entry.fault is None else [entry.fault]
    if entry.holds_unlearned:
        remarks.append("holds unlearned records")
    if entry.unseen:
        remarks.append("without " + ", ".join(f"{first}-{last}" for first, last in entry.unseen))
    return "; ".join(remarks)

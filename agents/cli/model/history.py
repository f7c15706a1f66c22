"""`headrace model history`."""

from __future__ import annotations

import asyncio
import time

import click
import msgspec

from agents.cli.common import bootstrap_option, json_option, load_settings, print_json, print_table, stdout
from agents.travel import backup, history
from agents.travel.history import Entry
from agents.travel.options import ago, partition_option


@click.command("history")
@click.argument("target")
@click.option("--owners", is_flag=True, help="Also which workers had the partition, and from where on.")
@partition_option
@bootstrap_option
@json_option
def command(
    target: str, owners: bool, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool
) -> None:
    """Print the snapshots and decisions of TARGET, partition by partition, in the order of the log.

    Live snapshots take turns; kept and pinned ones stay. What operators have ordered stands at the offset
    from which it acts, with the model; rollbacks and unlearnings with the records that the models do not know
    from there on.

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


def _row(entry: Entry, now_ms: float) -> tuple[object, ...]:
    age = None if entry.created_ms is None else ago((now_ms - entry.created_ms) / 1000)
    name = entry.what if entry.kind in ("live", "kept", "pinned", "owner") else entry.what[:8]
    return entry.partition, entry.offset, entry.kind, age, name, _remarks(entry)


def _remarks(entry: Entry) -> str:
    remarks = [entry.model] if entry.model else []
    if entry.value is not None:
        remarks.append(f"{entry.value:g}")
    if entry.fault is not None:
        remarks.append(entry.fault.split("\n")[0])
    if entry.holds_unlearned:
        remarks.append("holds unlearned records")
    if entry.unseen:
        remarks.append("without " + ", ".join(f"{first}-{last}" for first, last in entry.unseen))
    return "; ".join(remarks)

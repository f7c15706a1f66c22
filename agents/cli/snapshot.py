"""`headrace snapshot ls|save|restore|verify`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from agents.cli.common import (
    bootstrap_option,
    json_option,
    load_settings,
    print_json,
    print_table,
    stdout,
)
from agents.travel import backup
from agents.travel.backup import Line, Moved
from agents.travel.options import ago, partition_option
from headrace.errors import DifferenceError
from headrace.settings import Settings

folder_argument = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.group("snapshot")
def command() -> None:
    """Look at snapshots, save them to a folder, bring them back.

    \b
    Example:
      headrace snapshot ls pipelines.fraud
      headrace snapshot save pipelines.fraud backup
      headrace snapshot restore pipelines.fraud backup
    """


@command.command()
@click.argument("target")
@partition_option
@bootstrap_option
@json_option
def ls(target: str, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool) -> None:
    """List the snapshots of TARGET, the newest first, and whether they can be used.

    Live ones take turns; those in keep- slots are for rollback; decisions refer to those in pin- slots.

    \b
    Example:
      headrace snapshot ls pipelines.fraud -p 3
    """
    settings = load_settings(bootstrap)

    async def ask() -> list[Line]:
        async with backup.pasts(target, settings, partitions) as (_, found):
            return [line for past in found for line in backup.lines(past)]

    _show(asyncio.run(ask()), as_json=as_json)


@command.command()
@click.argument("target")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@partition_option
@bootstrap_option
@json_option
def verify(
    target: str, folder: Path | None, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool
) -> None:
    """Open every snapshot of TARGET, or of the backup in FOLDER, as a worker would.

    Seal, declaration and state are checked. Exit code 4 if one is broken. `headrace verify` says whether a
    state is the right one, too.

    \b
    Example:
      headrace snapshot verify pipelines.fraud
      headrace snapshot verify pipelines.fraud backup
    """
    found = asyncio.run(_opened(load_settings(bootstrap), target, folder, partitions))
    _show(found, as_json=as_json)
    broken = [line for line in found if line.snapshot is None or line.why]
    if broken:
        first = broken[0]
        raise DifferenceError(
            f"{len(broken)} of {len(found)} snapshots of {target} cannot be opened",
            why=f"partition {first.partition}, slot {first.slot}: {first.state}: {first.why}",
            fix="workers use the one before; headrace snapshot restore brings back a backup",
        )


async def _opened(
    settings: Settings, target: str, folder: Path | None, partitions: tuple[int, ...]
) -> list[Line]:
    async with backup.pasts(target, settings, partitions) as (archive, found):
        if folder is None:
            return [line for past in found for line in backup.tried(archive, past)]
        backup.require_backup(archive, folder)
        saved = [await backup.in_folder(archive, past, folder) for past in found]
        return [line for past in saved for line in backup.tried(archive, past)]


@command.command()
@click.argument("target")
@folder_argument
@partition_option
@bootstrap_option
@json_option
def save(
    target: str, folder: Path, partitions: tuple[int, ...], bootstrap: str | None, as_json: bool
) -> None:
    """Save the snapshots of TARGET to FOLDER: the newest ones, those kept and those pinned.

    Workers may run. A file is written whole or not at all: FOLDER/PIPELINE/partition-N/SLOT.snapshot.

    \b
    Example:
      headrace snapshot save pipelines.fraud /backup/headrace
    """
    settings = load_settings(bootstrap)

    async def work() -> list[Line]:
        async with backup.pasts(target, settings, partitions) as (archive, found):
            return [
                Line(past.partition, saved.slot, saved, len(saved.blob), "ok")
                for past in found
                for saved in await backup.save(archive, past, folder)
            ]

    saved = asyncio.run(work())
    if as_json:
        print_json([_plain(line) for line in saved])
    else:
        n_bytes = sum(line.size_bytes for line in saved)
        click.echo(f"saved {len(saved):,} snapshots, {n_bytes:,} bytes, to {folder}")


@command.command()
@click.argument("target")
@folder_argument
@partition_option
@click.option("--force", is_flag=True, help="Even though workers run.")
@bootstrap_option
@json_option
def restore(
    target: str,
    folder: Path,
    partitions: tuple[int, ...],
    force: bool,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Write the snapshots of TARGET that FOLDER holds back to Kafka.

    For a topic of snapshots that was lost or damaged: workers then need not fold the whole log. What is newer
    and can be used stays. A snapshot ahead of the committed offset, or of another cluster, is not written. To
    go back to an older state, see `headrace model rollback`.

    \b
    Example:
      headrace snapshot restore pipelines.fraud /backup/headrace
    """
    settings = load_settings(bootstrap)
    moved = asyncio.run(_restored(settings, target, folder, partitions, force=force))
    if as_json:
        print_json([one._asdict() for one in moved])
    else:
        print_table(["partition", "slot", "offset", ""], moved)
        click.echo(f"restored {sum(one.state == 'restored' for one in moved):,} of {len(moved):,} snapshots")


async def _restored(
    settings: Settings, target: str, folder: Path, partitions: tuple[int, ...], *, force: bool
) -> list[Moved]:
    async with backup.pasts(target, settings, partitions) as (archive, found):
        backup.require_backup(archive, folder)
        if not force:
            await backup.require_no_workers(archive, target)
        return [
            moved
            for past in found
            for moved in await backup.restore(archive, past, await backup.in_folder(archive, past, folder))
        ]


def _show(found: list[Line], *, as_json: bool) -> None:
    if as_json:
        print_json([_plain(line) for line in found])
        return
    now_ms = time.time() * 1000
    rows = [_row(line, now_ms) for line in found]
    if rows:
        print_table(
            ["partition", "slot", "snapshot", "offset", "events learned", "age", "bytes", "epoch", ""], rows
        )
    else:
        stdout.print("no snapshots yet")


def _row(line: Line, now_ms: float) -> tuple[object, ...]:
    if line.snapshot is None:
        return (line.partition, line.slot, None, None, None, None, line.size_bytes, None, line.state)
    header = line.snapshot.header
    age = ago((now_ms - header.created_ms) / 1000)
    return (
        line.partition,
        line.slot,
        header.id,
        header.next_offset,
        header.step,
        age,
        line.size_bytes,
        header.epoch,
        line.state,
    )


def _plain(line: Line) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "partition": line.partition,
        "slot": line.slot,
        "size_bytes": line.size_bytes,
        "state": line.state,
        "why": line.why,
    }
    if line.snapshot is not None:
        header = line.snapshot.header
        plain |= {
            "id": header.id,
            "offset": header.next_offset,
            "step": header.step,
            "epoch": header.epoch,
            "decision": header.decision,
            "created_ms": header.created_ms,
            "whole": header.reaches_back == 0,
        }
    return plain

"""`headrace snapshot`: what the topic of snapshots holds, saved to a folder and brought back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from agents.travel import survey
from agents.travel.past import Past, Snapshot
from agents.travel.survey import Archive
from headrace.errors import HeadraceError, SnapshotError, TopicError
from headrace.loading import load_pipeline
from headrace.settings import Settings
from streams import groups
from streams.choosing import age
from streams.ports import SnapshotStore
from streams.snapshot_folder import FolderStore
from streams.topics import snapshots_topic


class Line(NamedTuple):
    """What is said of one slot: ``state`` is ``ok``, or why it is not, as a code and in words."""

    partition: int
    slot: str
    snapshot: Snapshot | None
    size_bytes: int
    state: str
    why: str = ""


class Moved(NamedTuple):
    """What became of one snapshot of a backup: ``restored``, or why not."""

    partition: int
    slot: str
    offset: int
    state: str


@asynccontextmanager
async def pasts(
    target: str, settings: Settings, partitions: Sequence[int] = ()
) -> AsyncIterator[tuple[Archive, list[Past]]]:
    """Yield what there is of each partition of *target*.

    Raises
    ------
    TopicError
        If there is no topic of snapshots.
    """
    pipeline = load_pipeline(target)
    async with survey.archive(pipeline, settings) as archive:
        if archive.store is None:
            raise TopicError(
                f"topic {snapshots_topic(pipeline.name)} does not exist",
                fix=f"headrace topics create {target}",
            )
        tps = await survey.partitions(archive.consumer, pipeline.log.name, partitions, target)
        yield archive, await archive.past(tps)


def lines(past: Past) -> list[Line]:
    """Return what is to be said of each slot, the newest snapshot first."""
    found = sorted(past.snapshots, key=lambda s: age(s.header), reverse=True)
    said = [Line(past.partition, s.slot, s, len(s.blob), _state(past, s)) for s in found]
    return said + [Line(past.partition, r.slot, None, r.size_bytes, r.reason, r.why) for r in past.refused]


def tried(archive: Archive, past: Past) -> list[Line]:
    """Return `lines`, after each snapshot was opened as a worker would."""
    return [_tried(archive, line) for line in lines(past)]


async def save(archive: Archive, past: Past, folder: Path) -> list[Snapshot]:
    """Save what a restore may need: usable snapshots and the pinned ones, each in a file of its own.

    What the folder holds of the same slots is replaced, one file after the other.
    """
    store = FolderStore(folder / archive.pipeline.name)
    chosen = [s for s in past.snapshots if s.fault is None]
    for snapshot in chosen:
        await store.write(past.partition, snapshot.slot, snapshot.blob)
    return chosen


async def in_folder(archive: Archive, past: Past, folder: Path) -> Past:
    """Return *past* with the snapshots of a backup in place of its own."""
    stored = await FolderStore(folder / archive.pipeline.name).read(past.partition)
    good, bad = archive.examined(past.partition, stored, past.timeline, past.committed)
    return past._replace(snapshots=good, refused=bad)


async def restore(archive: Archive, past: Past, saved: Past) -> list[Moved]:
    """Write the snapshots *saved* back to the topic; a newer one that can be used is never overwritten."""
    store: SnapshotStore | None = archive.store
    there = {s.slot: s for s in past.snapshots if s.fault is None}
    moved = [Moved(past.partition, r.slot, -1, f"{r.reason}: {r.why}") for r in saved.refused]
    for snapshot in sorted(saved.snapshots, key=lambda s: age(s.header)):
        present, state = there.get(snapshot.slot), snapshot.fault or "restored"
        if present is not None and age(present.header) >= age(snapshot.header):
            state = "there already" if present.header == snapshot.header else "a newer one is there"
        if state == "restored" and store is not None:
            await store.write(past.partition, snapshot.slot, snapshot.blob)
        moved.append(Moved(past.partition, snapshot.slot, snapshot.header.next_offset, state))
    return moved


async def require_no_workers(archive: Archive, target: str) -> None:
    """Refuse while workers run: they would write over what is restored, and not look at it.

    Raises
    ------
    HeadraceError
        Naming how many there are.
    """
    pipeline = archive.pipeline
    members = await groups.members(archive.admin, pipeline.name, pipeline.log.name)
    if members:
        raise HeadraceError(
            f"{len(members)} workers of {target} still run"
            if members[1:]
            else f"a worker of {target} still runs",
            why="a worker reads snapshots only when it is given a partition, and writes new ones meanwhile",
            fix="stop the workers first; or --force",
        )


def require_backup(archive: Archive, folder: Path) -> None:
    """Refuse a folder that holds no backup of the pipeline.

    Raises
    ------
    HeadraceError
        Naming what the folder holds.
    """
    if FolderStore(folder / archive.pipeline.name).partitions():
        return
    held = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    raise HeadraceError(
        f"{folder} holds no backup of {archive.pipeline.name}",
        why=f"it holds those of {', '.join(held[:5])}" if held else "there is nothing in it",
        fix="headrace snapshot save TARGET FOLDER   makes one",
    )


def _state(past: Past, snapshot: Snapshot) -> str:
    if snapshot.fault is not None:
        return snapshot.fault
    return "ok" if past.parts(snapshot) else "incomplete"


def _tried(archive: Archive, line: Line) -> Line:
    if line.snapshot is None:
        return line
    try:
        archive.sealing.load([line.snapshot.blob])
    except SnapshotError as error:
        return line._replace(state=error.reason, why=error.why or error.what)
    return line

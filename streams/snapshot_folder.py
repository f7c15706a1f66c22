"""Snapshots as files: for backup, and to carry them from one cluster to another."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from headrace.errors import SnapshotError
from streams.ports import Stored

SUFFIX = ".snapshot"

_T = TypeVar("_T")


class FolderStore:
    """Keeps snapshots in a folder: ``partition-3/live-0.snapshot``; a `streams.ports.SnapshotStore`.

    A file is complete or not there: it is written beside its place, synced to the disk and renamed. Two
    stores may share a folder; of two that write a slot at once, the last one counts.

    Parameters
    ----------
    folder
        Is made by the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def write(self, partition: int, slot: str, blob: bytes) -> str:
        """Write durably; the note is empty: a folder is read quickly without one.

        Raises
        ------
        SnapshotError
            If the disk does not take it; what the slot held before is still there.
        """
        await self._on_disk(lambda: _write(self._path(partition, slot), blob))
        return ""

    async def read(self, partition: int, slots: str = "", note: str = "") -> list[Stored]:
        """Return all that is whole in slots whose name starts with *slots*; in no order."""
        return await self._on_disk(lambda: self._all(partition, slots))

    async def delete(self, partition: int, slot: str) -> None:
        """Forget a slot."""
        await self._on_disk(lambda: _delete(self._path(partition, slot)))

    def partitions(self) -> list[int]:
        """Return the partitions that have a folder, sorted."""
        numbers = (path.name.removeprefix("partition-") for path in self.folder.glob("partition-*"))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def _path(self, partition: int, slot: str) -> Path:
        name = quote(slot, safe="").replace(".", "%2E")
        return self._home(partition) / f"{name}{SUFFIX}"

    def _home(self, partition: int) -> Path:
        return self.folder / f"partition-{partition}"

    def _all(self, partition: int, slots: str) -> list[Stored]:
        found = []
        for path in self._home(partition).glob(f"*{SUFFIX}"):
            slot = unquote(path.name.removesuffix(SUFFIX))
            if slot.startswith(slots) and not path.name.startswith(".") and (blob := _read(path)) is not None:
                found.append(Stored(slot, blob))
        return found

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise SnapshotError(
                "disk",
                f"the folder of snapshots {self.folder} cannot be used",
                why=f"{type(error).__name__}: {error}",
                fix="is it a folder, is there room, may this user write to it?",
            ) from error


def _write(path: Path, blob: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    beside = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(blob)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _delete(path: Path) -> None:
    if path.exists():
        path.unlink(missing_ok=True)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make the names in *folder* survive a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None

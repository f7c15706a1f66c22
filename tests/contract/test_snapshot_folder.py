"""The folder of snapshots keeps what a store promises, and never half a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import SnapshotError
from streams.ports import SnapshotStore, Stored
from streams.snapshot_folder import FolderStore
from tests.contract.stores import OpenStore, SnapshotStoreContract, kept


class TestFolderStore(SnapshotStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        async def open_store() -> SnapshotStore:
            return FolderStore(tmp_path / "snapshots")

        return open_store


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "backup" / "fraud")


async def test_files_have_names_that_people_can_read(store: FolderStore) -> None:
    await store.write(3, "live-0", b"a")
    await store.write(12, "keep-7", b"b")

    assert files(store.folder) == ["partition-12/keep-7.snapshot", "partition-3/live-0.snapshot"]
    assert store.partitions() == [3, 12]


async def test_a_slot_name_cannot_leave_the_folder(store: FolderStore, tmp_path: Path) -> None:
    await store.write(0, "../../../pin-a b", b"a")

    assert await kept(store) == [Stored("../../../pin-a b", b"a")]
    assert files(tmp_path) == ["backup/fraud/partition-0/%2E%2E%2F%2E%2E%2F%2E%2E%2Fpin-a%20b.snapshot"]


@pytest.mark.parametrize("step", ["fsync", "write"])
async def test_a_write_that_fails_leaves_what_was_there(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await store.write(0, "live-0", b"old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(SnapshotError, match="cannot be used") as caught:
        await store.write(0, "live-0", b"new")
    monkeypatch.undo()

    assert caught.value.reason == "disk"
    assert "No space left" in caught.value.why
    assert await kept(store) == [Stored("live-0", b"old")]
    assert files(store.folder) == ["partition-0/live-0.snapshot"], "nothing half-written is left"


async def test_what_a_crash_left_half_written_is_not_read(store: FolderStore) -> None:
    await store.write(0, "live-0", b"whole")
    (store.folder / "partition-0" / ".live-1.snapshot").write_bytes(b"ha")
    (store.folder / "partition-0" / ".q7x.part").write_bytes(b"lf")

    assert await kept(store) == [Stored("live-0", b"whole")]


async def test_a_folder_that_is_a_file_is_said_so(store: FolderStore) -> None:
    store.folder.parent.mkdir()
    store.folder.write_text("not a folder")

    with pytest.raises(SnapshotError, match="the folder of snapshots") as caught:
        await store.write(0, "live-0", b"a")
    assert "is it a folder" in caught.value.fix

"""What every store of snapshots does; a test of one inherits these tests and gives it as a fixture."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from streams.ports import SnapshotStore, Stored

OpenStore = Callable[[], Awaitable[SnapshotStore]]
"""Opens another store on the same place, as another process would."""

LARGE = random.Random(5).randbytes(3_300_000)
"""More than three records of a topic hold, and not to be compressed."""


async def kept(store: SnapshotStore, partition: int = 0, slots: str = "") -> list[Stored]:
    return sorted(await store.read(partition, slots))


class SnapshotStoreContract:
    """The promises of `streams.ports.SnapshotStore`.

    A subclass has a fixture ``open_store`` (`OpenStore`), whose stores start empty together and are closed
    after the test. Partitions 0 and 1 are used.
    """

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> SnapshotStore:
        return await open_store()

    async def test_a_new_store_is_empty(self, store: SnapshotStore) -> None:
        assert await kept(store) == []

    async def test_what_is_written_is_read(self, store: SnapshotStore) -> None:
        await store.write(0, "live-0", b"a")
        await store.write(0, "keep-3", bytes(range(256)))

        assert await kept(store) == [Stored("keep-3", bytes(range(256))), Stored("live-0", b"a")]

    async def test_another_store_on_the_same_place_reads_it(
        self, store: SnapshotStore, open_store: OpenStore
    ) -> None:
        note = await store.write(1, "live-0", b"a")
        other = await open_store()

        assert await kept(other, 1) == [Stored("live-0", b"a")]
        assert await other.read(1, note=note) == [Stored("live-0", b"a")]

    async def test_a_slot_holds_what_was_written_last(
        self, store: SnapshotStore, open_store: OpenStore
    ) -> None:
        for blob in (b"first", b"second", b"third"):
            await store.write(0, "live-0", blob)

        assert await kept(store) == [Stored("live-0", b"third")]
        assert await kept(await open_store()) == [Stored("live-0", b"third")]

    async def test_partitions_are_apart(self, store: SnapshotStore) -> None:
        await store.write(0, "live-0", b"zero")
        await store.write(1, "live-0", b"one")
        await store.delete(0, "live-0")

        assert await kept(store, 0) == []
        assert await kept(store, 1) == [Stored("live-0", b"one")]

    async def test_slots_are_chosen_by_how_they_begin(self, store: SnapshotStore) -> None:
        for slot in ("live-0", "live-1", "keep-0", "pin-0b9d8f7e"):
            await store.write(0, slot, slot.encode())

        assert [stored.slot for stored in await kept(store, slots="live-")] == ["live-0", "live-1"]
        assert [stored.slot for stored in await kept(store, slots="pin-0b9d8f7e")] == ["pin-0b9d8f7e"]
        assert await kept(store, slots="none") == []

    async def test_a_slot_whose_name_begins_another_is_a_slot_of_its_own(self, store: SnapshotStore) -> None:
        await store.write(0, "live-1", b"one")
        await store.write(0, "live-10", b"ten")
        await store.delete(0, "live-1")

        assert await kept(store) == [Stored("live-10", b"ten")]

    async def test_a_deleted_slot_is_gone_and_can_be_written_again(
        self, store: SnapshotStore, open_store: OpenStore
    ) -> None:
        note = await store.write(0, "live-0", b"a")
        await store.delete(0, "live-0")

        assert await kept(store) == []
        assert await kept(await open_store()) == []
        assert await store.read(0, note=note) == []
        await store.write(0, "live-0", b"b")
        assert await kept(store) == [Stored("live-0", b"b")]

    async def test_deleting_what_is_not_there_does_nothing(self, store: SnapshotStore) -> None:
        await store.delete(0, "live-0")

        assert await kept(store) == []

    async def test_a_note_leads_to_its_snapshot_and_all_that_came_after_it(
        self, store: SnapshotStore, open_store: OpenStore
    ) -> None:
        wanted = [Stored(f"live-{i}", bytes([65 + i]) * (1 + 700_000 * i)) for i in range(4)]
        notes = [await store.write(0, *stored) for stored in wanted]
        other = await open_store()

        for i, note in enumerate(notes):
            assert len(note) <= 200
            for reader in (store, other):
                assert sorted(await reader.read(0, note=note))[-len(wanted[i:]) :] == wanted[i:]
                assert wanted[i] in await reader.read(0, slots=f"live-{i}", note=note)

    async def test_the_note_of_an_overwritten_snapshot_leads_to_the_new_one(
        self, store: SnapshotStore
    ) -> None:
        old = await store.write(0, "live-0", LARGE)
        await store.write(0, "live-0", b"new")

        assert await store.read(0, note=old) == [Stored("live-0", b"new")]

    @pytest.mark.parametrize(
        "note",
        ["x", "²", "live-0", "999999999", "-1", "live-0 99", "../../live-0", "{}", "1" * 200, "\x00 \u00e9"],
    )
    async def test_a_note_of_somebody_else_does_no_harm(self, store: SnapshotStore, note: str) -> None:
        await store.write(0, "live-0", b"a")

        assert await store.read(0, note=note) in ([], [Stored("live-0", b"a")])
        assert await kept(store) == [Stored("live-0", b"a")]

    async def test_a_large_snapshot_comes_back_whole(
        self, store: SnapshotStore, open_store: OpenStore
    ) -> None:
        note = await store.write(0, "live-0", LARGE)

        for reader in (store, await open_store()):
            assert await kept(reader) == [Stored("live-0", LARGE)]
            assert await reader.read(0, note=note) == [Stored("live-0", LARGE)]

    async def test_a_slot_grows_and_shrinks(self, store: SnapshotStore, open_store: OpenStore) -> None:
        for blob in (b"small", LARGE, LARGE[:2_000_000], b"small again"):
            await store.write(0, "live-0", blob)
            assert await kept(await open_store()) == [Stored("live-0", blob)]

    async def test_slots_are_written_side_by_side(self, store: SnapshotStore) -> None:
        wanted = [Stored(f"live-{i}", bytes([i]) * (1 + i * 300_000)) for i in range(5)]

        await asyncio.gather(*(store.write(0, *stored) for stored in wanted))

        assert await kept(store) == wanted

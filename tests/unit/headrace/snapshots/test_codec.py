"""A snapshot that is not what was sealed, to the bit, is refused before anything in it is opened."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import SnapshotError
from headrace.snapshots.codec import Codec
from headrace.snapshots.keys import new_key, retire_key
from tests.unit.headrace.snapshots.sealing import BODY, HEADER, STATE, codec, header, keyring

SEALS = pytest.mark.parametrize("encrypt", [False, True], ids=["signed", "encrypted"])

DAMAGE = {"torn", "corrupt", "unknown_format", "unknown_key"}


def reason(sealed: Codec, blob: bytes) -> str:
    """Return why *blob* is refused, by both ways to open it."""
    said = []
    for opened in (sealed.header, sealed.load):
        with pytest.raises(SnapshotError) as caught:
            opened(blob)
        said.append(caught.value.reason)
    assert said[0] == said[1]
    return said[0]


@SEALS
def test_what_was_sealed_comes_back(tmp_path: Path, encrypt: bool) -> None:
    blob = codec(tmp_path, encrypt=encrypt).seal(HEADER, BODY)

    assert codec(tmp_path).load(blob) == (HEADER, STATE)
    assert codec(tmp_path).header(blob) == HEADER


@SEALS
def test_an_empty_body_and_a_large_one_come_back(tmp_path: Path, encrypt: bool) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)

    for body in (b"", b"x" * 3_000_000):
        assert sealed.header(sealed.seal(HEADER, body)) == HEADER


def test_a_header_is_read_without_opening_the_body(tmp_path: Path) -> None:
    sealed = codec(tmp_path)
    blob = sealed.seal(HEADER, b"no pickle at all")

    assert sealed.header(blob) == HEADER
    with pytest.raises(SnapshotError) as caught:
        sealed.load(blob)
    assert caught.value.reason == "corrupt"


def test_an_encrypted_snapshot_shows_nothing_of_its_body_and_never_looks_the_same(tmp_path: Path) -> None:
    sealed = codec(tmp_path, encrypt=True)
    blobs = [sealed.seal(HEADER, b"marker" * 100) for _ in range(3)]

    assert len({*blobs}) == 3
    assert not any(b"marker" in blob for blob in blobs)


@SEALS
def test_every_truncation_is_refused(tmp_path: Path, encrypt: bool) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)
    blob = sealed.seal(HEADER, BODY)

    assert {reason(sealed, blob[:n]) for n in range(len(blob))} == {"torn"}
    assert {reason(sealed, blob[n:]) for n in range(1, len(blob))} <= DAMAGE


Damage = Callable[[random.Random, bytearray], None]


def _flip(chance: random.Random, blob: bytearray) -> None:
    blob[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)


def _overwrite(chance: random.Random, blob: bytearray) -> None:
    start = chance.randrange(len(blob))
    blob[start : start + 8] = chance.randbytes(len(blob[start : start + 8]))


def _zero(chance: random.Random, blob: bytearray) -> None:
    start = chance.randrange(len(blob))
    blob[start : start + 32] = bytes(len(blob[start : start + 32]))


def _insert(chance: random.Random, blob: bytearray) -> None:
    start = chance.randrange(len(blob) + 1)
    blob[start:start] = chance.randbytes(chance.randint(1, 9))


def _delete(chance: random.Random, blob: bytearray) -> None:
    start = chance.randrange(len(blob))
    del blob[start : start + chance.randint(1, 9)]


def _swap(chance: random.Random, blob: bytearray) -> None:
    a, b = sorted(chance.sample(range(len(blob)), 2))
    blob[a], blob[b] = blob[b], blob[a]


KINDS: tuple[Damage, ...] = (_flip, _overwrite, _zero, _insert, _delete, _swap)


@SEALS
def test_five_thousand_random_corruptions_are_refused(tmp_path: Path, encrypt: bool) -> None:
    chance = random.Random(7)
    sealed = codec(tmp_path, encrypt=encrypt)
    blob = sealed.seal(HEADER, BODY)
    n, reasons = 0, set()
    while n < 5_000:
        damaged = bytearray(blob)
        for _ in range(chance.choice((1, 1, 1, 3))):
            chance.choice(KINDS)(chance, damaged)
        if damaged != blob:
            reasons.add(reason(sealed, bytes(damaged)))
            n += 1

    assert reasons == DAMAGE


@SEALS
def test_every_bit_counts(tmp_path: Path, encrypt: bool) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)
    blob = sealed.seal(HEADER, BODY)

    for i in range(len(blob)):
        damaged = bytearray(blob)
        damaged[i] ^= 1 << (i % 8)
        assert reason(sealed, bytes(damaged)) in DAMAGE


@pytest.mark.parametrize("blob", [b"", b"\0", b"\0" * 15, b"\0" * 4_096, b"HRSN"], ids=len)
def test_zeros_and_scraps_are_refused(tmp_path: Path, blob: bytes) -> None:
    assert reason(codec(tmp_path), blob) in {"torn", "corrupt"}


@SEALS
@pytest.mark.parametrize("place", [7, 11], ids=["header", "body"])
@pytest.mark.parametrize("length", [0, 100 << 20, (1 << 32) - 1])
def test_a_wrong_length_is_refused(tmp_path: Path, encrypt: bool, place: int, length: int) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)
    blob = bytearray(sealed.seal(HEADER, BODY))
    struct.pack_into(">I", blob, place, length)

    assert reason(sealed, bytes(blob)) == ("torn" if length else "corrupt")


def test_a_blob_with_something_behind_it_is_refused(tmp_path: Path) -> None:
    sealed = codec(tmp_path)

    assert reason(sealed, sealed.seal(HEADER, BODY) + b"\0") == "corrupt"


@SEALS
def test_the_body_of_another_partition_is_refused(tmp_path: Path, encrypt: bool) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)
    one, other = (sealed.seal(header(partition=partition), BODY) for partition in (0, 1))
    split = one.index(b"}", one.index(b"dump_s")) + 1

    assert len(one) == len(other)
    assert reason(sealed, one[:split] + other[split:]) == "corrupt"


@SEALS
@pytest.mark.parametrize("change", [{"partition": 1}, {"next_offset": 2_000}, {"epoch": 9}], ids=str)
def test_a_header_that_was_rewritten_is_refused(
    tmp_path: Path, encrypt: bool, change: dict[str, Any]
) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)
    ((name, value),) = change.items()
    blob = sealed.seal(HEADER, BODY)
    old = f'"{name}":{getattr(HEADER, name)}'.encode()
    new = f'"{name}":{value}'.encode()

    assert old in blob
    assert reason(sealed, blob.replace(old, new)) == "corrupt"


@SEALS
def test_a_snapshot_sealed_with_an_unknown_key_is_refused(tmp_path: Path, encrypt: bool) -> None:
    theirs = Codec(keyring(tmp_path, "theirs"), encrypt=encrypt)

    assert reason(codec(tmp_path), theirs.seal(HEADER, BODY)) == "unknown_key"


@SEALS
def test_a_snapshot_of_a_retired_key_is_refused_until_it_is_sealed_again(
    tmp_path: Path, encrypt: bool
) -> None:
    before = codec(tmp_path, encrypt=encrypt)
    blob, old = before.seal(HEADER, BODY), keyring(tmp_path).current
    new_key(tmp_path / "keys.json")
    again = codec(tmp_path, encrypt=encrypt).resealed(blob)

    retire_key(tmp_path / "keys.json", old)

    assert reason(codec(tmp_path), blob) == "retired_key"
    assert codec(tmp_path).load(again) == (HEADER, STATE)


@SEALS
def test_another_format_is_refused(tmp_path: Path, encrypt: bool) -> None:
    sealed = codec(tmp_path, encrypt=encrypt)
    layout = bytearray(sealed.seal(HEADER, BODY))
    layout[4] = 2

    assert reason(sealed, bytes(layout)) == "unknown_format"
    assert reason(sealed, sealed.seal(header(format=2), BODY)) == "unknown_format"

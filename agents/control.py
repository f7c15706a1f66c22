"""Records of the control topic as commands of one pipeline, and what is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, NamedTuple, TypeAlias
from zlib import crc32

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Meta

from headrace.errors import SnapshotError
from headrace.snapshots.keys import Keyring
from schemas.audit import AuditEvent, Outcome
from schemas.commands import KEY_HEADER, MAC_HEADER, Command
from schemas.decisions import Decision
from streams.decisions import Reply
from streams.topics import CONTROL_TOPIC

_decode = msgspec.json.Decoder(Command).decode


class Asked(NamedTuple):
    """A command at its place in the control topic, for one partition; ``is_first`` of those with its id."""

    offset: int
    partition: int
    command: Command
    key_id: str
    is_first: bool

    def answer(self, given: Reply) -> AuditEvent:
        """Return what became of it: the same whoever asks, and whenever."""
        command, made = self.command, given.record
        is_decided = isinstance(made, Decision)
        outcome: Outcome = "repeated" if not self.is_first else "accepted" if is_decided else "refused"
        said = None if isinstance(made, Decision) else made.reason
        return AuditEvent(
            f"{command.pipeline}/{self.partition}/{self.offset}/{command.id}",
            outcome,
            self.offset,
            command.pipeline,
            self.partition,
            command.id,
            command.action,
            command.model or None,
            command.value,
            self.key_id,
            said if self.is_first else f"answered before: {said or 'accepted'}",
            given.n_decided,
            given.offset if is_decided else None,
            made.at if isinstance(made, Decision) else None,
        )


class Stray(NamedTuple):
    """A record that is no command: garbage, not signed, or for a partition that there is not."""

    event: AuditEvent


class _Named(msgspec.Struct):
    """As much of a record as tells whom it concerns."""

    pipeline: Annotated[str, Meta(max_length=200)] | None = None
    id: Annotated[str, Meta(max_length=100)] | None = None


Found: TypeAlias = Asked | Stray


class Control:
    """Reads the control topic for one pipeline, from its beginning, in order.

    Parameters
    ----------
    pipeline, n_partitions
        Whose commands, and how many partitions its log has.
    keyring
        Whose signatures count.
    """

    def __init__(self, pipeline: str, n_partitions: int, keyring: Keyring) -> None:
        self._pipeline = pipeline
        self._n_partitions = n_partitions
        self._keyring = keyring
        self._ids: set[tuple[str, int]] = set()

    def read(self, records: Iterable[ConsumerRecord]) -> list[Found]:
        """Return what *records* ask of this pipeline, and those that are no command of any other."""
        return [found for record in records for found in self._read(record)]

    def _read(self, record: ConsumerRecord) -> list[Found]:
        headers = dict(record.headers)
        key_id = (headers.get(KEY_HEADER) or b"").decode(errors="replace")[:64]
        value = record.value or b""
        try:
            self._keyring.verify(
                key_id, value, bytes.fromhex((headers.get(MAC_HEADER) or b"").decode(errors="replace"))
            )
            command = _decode(value)
        except (SnapshotError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            return self._stray(record.offset, value, key_id, str(error).split("\n")[0])
        if command.pipeline != self._pipeline:
            return []
        asked = range(self._n_partitions) if command.partition is None else [command.partition]
        if asked[-1] >= self._n_partitions:
            last = self._n_partitions - 1
            return self._stray(
                record.offset, value, key_id, f"there is no partition {command.partition}: the last is {last}"
            )
        return [self._asked(record.offset, n, command, key_id) for n in asked]

    def _asked(self, offset: int, partition: int, command: Command, key_id: str) -> Asked:
        is_first = (command.id, partition) not in self._ids
        self._ids.add((command.id, partition))
        return Asked(offset, partition, command, key_id, is_first)

    def _stray(self, offset: int, value: bytes, key_id: str, reason: str) -> list[Found]:
        try:
            named = msgspec.json.decode(value, type=_Named)
        except (ValueError, RecursionError):
            named = _Named()
        if named.pipeline not in (None, self._pipeline):
            return []
        event = AuditEvent(
            f"{CONTROL_TOPIC}/0/{offset}/{crc32(value):08x}",
            "refused",
            offset,
            named.pipeline,
            command=named.id,
            key_id=key_id or None,
            reason=reason,
        )
        return [Stray(event)]

"""What the control topic may hold: commands of this pipeline, those of others, and what is no command."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.control import Asked, Control, Stray
from headrace.snapshots.keys import Keyring
from schemas.commands import KEY_HEADER, MAC_HEADER, Command
from schemas.decisions import Decision, Refused
from streams.decisions import Reply
from tests.simulation.kafka import Record

KEYS = Keyring("k", {"k": bytes(32)}, frozenset())


def record(offset: int, value: bytes, *, mac: bytes | None = None) -> Any:
    key_id, signed = KEYS.sign(value)
    headers = ((KEY_HEADER, key_id.encode()), (MAC_HEADER, signed.hex().encode() if mac is None else mac))
    return Record(offset, None, value, 0, headers)


def command(name: str = "c", partition: int | None = 0, pipeline: str = "fraud", **more: Any) -> bytes:
    return msgspec.json.encode(Command(name, pipeline, partition, "freeze", 1, model="tree", **more))


def read(*values: Any) -> list[Any]:
    records = [value if isinstance(value, Record) else record(i, value) for i, value in enumerate(values)]
    return Control("fraud", 3, KEYS).read(records)


def test_a_command_for_all_partitions_is_one_for_each() -> None:
    assert [(a.partition, a.is_first) for a in read(command(partition=None))] == [
        (0, True),
        (1, True),
        (2, True),
    ]


def test_what_is_for_another_pipeline_is_left_to_it_signed_or_not() -> None:
    assert read(command(pipeline="other"), record(1, command(pipeline="other"), mac=b"00")) == []


def test_one_that_comes_again_is_known_by_its_id_and_an_unsigned_one_does_not_count() -> None:
    found = read(record(0, command(), mac=b"00"), command(), command())

    assert isinstance(found[0], Stray)
    assert [asked.is_first for asked in found[1:]] == [True, False]
    done = Reply(7, Decision("c", 2, 40, "freeze", model="tree"), 3)
    first, again = (asked.answer(done) for asked in found[1:])
    assert (first.outcome, first.version, first.decision, first.acts_at) == ("accepted", 3, 7, 40)
    assert (again.outcome, again.reason) == ("repeated", "answered before: accepted")
    assert first.id != again.id
    assert found[1].answer(Reply(7, Refused("c", 2, "no"), 0)).reason == "no"


@pytest.mark.parametrize(
    "value",
    [
        b"", b"\xff", b"null", b"[" * 100_000, b"{}", b'{"pipeline":1}', b'{"pipeline":"fraud"}',
        command(partition=3), command().replace(b"freeze", b"explode"), command().replace(b"tree", b""),
        command().replace(b'"c"', b'""'), command().replace(b'"partition":0', b'"partition":-1'),
        command().replace(b'"freeze"', b'"weight"'), command().replace(b'"freeze"', b'"pause"'),
        command().replace(b'"freeze"', b'"rollback"'), command().replace(b'"value":null', b'"value":1e999'),
    ],
)  # fmt: skip
def test_whatever_is_no_command_is_one_refusal_with_a_reason(value: bytes) -> None:
    (stray,) = read(value)

    assert isinstance(stray, Stray)
    assert stray.event.outcome == "refused"
    assert stray.event.reason
    assert read(value) == [stray], "the same whoever reads it"


def test_headers_may_be_anything() -> None:
    odd: list[Any] = [
        Record(0, None, command(), 0, ()),
        Record(1, None, command(), 0, ((KEY_HEADER, None), (MAC_HEADER, b"\xff"))),
        Record(2, None, None, 0, ((KEY_HEADER, b"\xff" * 500), (MAC_HEADER, b"zz"))),
    ]
    assert all(isinstance(one, Stray) for one in read(*odd))
    assert not any(isinstance(one, Asked) for one in read(*odd))

"""A run of a pipeline as lists, sound or with something wrong with it, for the judge."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.check import ANOMALY_KINDS, Topics, judge
from tools.ledger import Log
from tools.reading import Isolation, Reader

LOG = Log("p", "log", "y")
TOPICS = Topics("log", "p.predictions", "p.dead", "p.decisions", "p")
N = 8
BAD, TOMBSTONE, UNLABELLED = 3, 5, 6
"""Offsets of the log whose records are none that the model learns from."""


class Record:
    """A record as confluent-kafka gives it."""

    def __init__(self, offset: int, key: bytes | None, value: bytes | None, partition: int = 0) -> None:
        self._fields = (partition, offset, key, value)
        self.is_aborted = False

    def partition(self) -> int:
        return self._fields[0]

    def offset(self) -> int:
        return self._fields[1]

    def key(self) -> bytes | None:
        return self._fields[2]

    def value(self) -> bytes | None:
        return self._fields[3]


class Lists(Reader):
    """Topics that are lists; a record that is aborted is only seen by a reader of uncommitted ones."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {
            name: [] for name in ("log", "p.predictions", "p.dead", "p.decisions")
        }
        self.frontier: int | None = None
        self.growth = 0

    def append(self, topic: str, key: bytes | None, value: bytes | None, *, aborted: bool = False) -> None:
        records = self.topics[topic]
        records.append(Record(len(records), key, value))
        records[-1].is_aborted = aborted

    def n_partitions(self, topic: str) -> int:
        return 1 if topic in self.topics else 0

    def ends(self, topic: str, n_partitions: int) -> list[int]:
        found = len(self.topics[topic])
        if topic == "log":
            found, self.growth = found + self.growth, 2 * self.growth
        return [found]

    def frontiers(self, group: str, topic: str, n_partitions: int) -> list[int | None]:
        return [self.frontier]

    def records(self, topic: str, partitions: Sequence[int], isolation: Isolation) -> Iterator[Any]:
        if list(partitions):
            for record in self.topics[topic]:
                if isolation == "read_uncommitted" or not record.is_aborted:
                    yield record


def value_at(offset: int) -> bytes | None:
    if offset == BAD:
        return b'{"id": '
    if offset == TOMBSTONE:
        return None
    return json.dumps({"id": f"e{offset}", "y": None if offset == UNLABELLED else True}).encode()


def result(offset: int, **changed: Any) -> bytes:
    step = sum(n not in (BAD, TOMBSTONE, UNLABELLED) for n in range(offset))
    source = {"topic": "log", "partition": 0, "offset": offset}
    body = {"id": f"p/log/0/{offset}/predict", "model_step": step, "source": source}
    return json.dumps(body | changed).encode()


def letter(offset: int, **changed: Any) -> bytes:
    value = value_at(offset)
    body = {
        "id": f"p/log/0/{offset}/dead",
        "source": {"topic": "log", "partition": 0, "offset": offset},
        "error": {"type": "json"},
        "key_b64": base64.b64encode(b"k").decode(),
        "value_b64": base64.b64encode(value or b"").decode(),
    }
    return json.dumps({name: found for name, found in (body | changed).items() if found is not None}).encode()


def sound_run() -> Lists:
    """Return topics after a run in which nothing went wrong."""
    lists = Lists()
    for offset in range(N):
        lists.append("log", b"k", value_at(offset))
        if offset == BAD:
            lists.append("p.dead", b"k", letter(offset))
        elif offset != TOMBSTONE:
            lists.append("p.predictions", b"k", result(offset))
    lists.append("p.decisions", None, epoch(0))
    lists.append("p.decisions", None, epoch(4))
    lists.frontier = N
    return lists


def epoch(frontier: int) -> bytes:
    return json.dumps({"kind": "epoch", "frontier": frontier}).encode()


def decision(identity: str, of_epoch: int, acts_at: int) -> bytes:
    return json.dumps({"kind": "decision", "id": identity, "epoch": of_epoch, "at": acts_at}).encode()


def found(lists: Lists, *, exactly_once: bool = False, expected: Path | None = None) -> dict[str, int]:
    """Return the kinds of anomalies found, and how many of each."""
    report = judge(lists, LOG, TOPICS, exactly_once=exactly_once, expected=expected)
    anomalies = {kind: n for kind, n in report["anomalies"].items() if n}
    assert report["sound"] == (not anomalies)
    assert set(report["anomalies"]) == set(ANOMALY_KINDS), "the report names every kind"
    return anomalies


def without(topic: str, offset: int) -> Callable[[Lists], None]:
    def remove(lists: Lists) -> None:
        lists.topics[topic] = [one for one in lists.topics[topic] if one.offset() != offset]

    return remove


def with_one_more(
    topic: str, value: bytes, key: bytes = b"k", *, aborted: bool = False
) -> Callable[[Lists], None]:
    return lambda lists: lists.append(topic, key, value, aborted=aborted)


def with_other(topic: str, offset: int, value: bytes) -> Callable[[Lists], None]:
    def change(lists: Lists) -> None:
        lists.topics[topic][offset] = Record(offset, b"k", value)

    return change


def swapped(lists: Lists) -> None:
    values = [record.value() for record in lists.topics["p.predictions"]]
    for offset, value in [(1, values[2]), (2, values[1])]:
        lists.topics["p.predictions"][offset] = Record(offset, b"k", value)


def aborted_input(lists: Lists) -> None:
    lists.append("log", b"k", value_at(N), aborted=True)
    lists.append("p.predictions", b"k", result(N))
    lists.frontier = N + 1


def set_frontier(offset: int | None) -> Callable[[Lists], None]:
    return lambda lists: setattr(lists, "frontier", offset)


def decided(*values: bytes) -> Callable[[Lists], None]:
    def append(lists: Lists) -> None:
        for value in values:
            lists.append("p.decisions", None, value)

    return append

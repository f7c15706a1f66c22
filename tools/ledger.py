"""One partition of the log beside what was published for it: what is missing, doubled, changed, out of order.

Pure: records go in, anomalies come out. Bodies are not kept, only digests: 73 bytes per record of the log.
"""

from __future__ import annotations

import array
import base64
import hashlib
import json
from collections import Counter
from typing import Any, NamedTuple

DIGEST_BYTES = 16
EXAMPLES = 5
"""So many places are named of each kind of anomaly."""

PREDICT, DEAD = "predict", "dead"
"""Last part of the id of a prediction, of a dead letter."""

_NOTHING, _ABORTED, _TOMBSTONE, _EVENT, _LABELLED = range(5)
_NO_DIGEST = bytes(DIGEST_BYTES)


class Log(NamedTuple):
    """Which log is judged: names as the ids of results carry them.

    ``label`` is the field whose presence means that the models learn from the event; ``None``: always.
    """

    pipeline: str
    topic: str
    label: str | None = None


def digest(key: bytes | None, value: bytes | None) -> bytes:
    """Return a fingerprint of a record, never all zero bytes."""
    found = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (key, value):
        found.update(b"\0" if part is None else b"\1%d\0" % len(part) + part)
    return found.digest()


class Ledger:
    """Judges one partition of *log*.

    First come all records of the log, then what was published, then what an undisturbed run publishes.

    Attributes
    ----------
    counts
        What was seen: records, tombstones, results, letters, duplicates and so on.
    anomalies
        How often each kind of anomaly was found.
    examples
        The first offsets, of the log, of each kind.
    """

    def __init__(self, log: Log, partition: int, end: int) -> None:
        self.log = log
        self.partition = partition
        self.end = end
        self.counts: Counter[str] = Counter()
        self.anomalies: Counter[str] = Counter()
        self.examples: dict[str, list[int]] = {}
        self._kinds = bytearray(end)
        self._keys = bytearray(end * DIGEST_BYTES)
        self._values = bytearray(end * DIGEST_BYTES)
        self._steps = array.array("q", [-1]) * end
        self._published = {step: bytearray(end * DIGEST_BYTES) for step in (PREDICT, DEAD)}
        self._furthest = {PREDICT: -1, DEAD: -1}

    def record(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Note a record of the log that every reader sees."""
        if value is None:
            self._kinds[offset] = _TOMBSTONE
            self.counts["tombstones"] += 1
        else:
            self._kinds[offset] = _LABELLED if self._teaches(value) else _EVENT
        self.counts["records"] += 1
        _put(self._keys, offset, digest(key, None))
        _put(self._values, offset, hashlib.sha256(value or b"").digest())

    def aborted_record(self, offset: int) -> None:
        """Note a record of the log that only a reader of uncommitted records sees."""
        if self._kinds[offset] == _NOTHING:
            self._kinds[offset] = _ABORTED
            self.counts["aborted_records"] += 1

    def is_known(self, offset: int) -> bool:
        """Whether the log has a record there that every reader sees."""
        return self._kinds[offset] > _ABORTED

    def published(self, step: str, key: bytes | None, value: bytes | None) -> None:
        """Note a result that every reader sees, in the order of its topic."""
        found = self._parsed(step, value)
        if found is None:
            return
        offset, body = found
        made = digest(key, value)
        before = _get(self._published[step], offset)
        if before != _NO_DIGEST:
            self.counts["duplicates"] += 1
            if before != made:
                self.found("diverging", offset)
            return
        _put(self._published[step], offset, made)
        self.counts["results" if step == PREDICT else "letters"] += 1
        if offset < self._furthest[step]:
            self.found("reordered", offset)
        self._furthest[step] = max(self._furthest[step], offset)
        if step == PREDICT:
            self._steps[offset] = int(body.get("model_step", -1))
        else:
            self._compare_letter(offset, body)

    def aborted(self, step: str, key: bytes | None, value: bytes | None) -> None:
        """Note a result of a transaction that came to nothing; had it other bytes, the state was another."""
        self.counts["aborted_results"] += 1
        found = self._parsed(step, value)
        if found is not None:
            before = _get(self._published[step], found[0])
            if before not in (_NO_DIGEST, digest(key, value)):
                self.found("diverging", found[0])

    def expected(self, step: str, offset: int, made: bytes) -> None:
        """Compare with the result of an undisturbed run."""
        self.counts["expected"] += 1
        if offset >= self.end or _get(self._published[step], offset) != made:
            self.found("not_as_reference", offset)

    def finish(self, frontier: int | None = None, *, compared: bool = False) -> None:
        """Judge the whole; *frontier* is the committed offset, *compared* says that all was `expected`."""
        before = 0
        for offset, kind in enumerate(self._kinds):
            has_result = _get(self._published[PREDICT], offset) != _NO_DIGEST
            has_letter = _get(self._published[DEAD], offset) != _NO_DIGEST
            if kind >= _EVENT and not has_result and not has_letter:
                self.found("lost", offset)
            if has_result and has_letter:
                self.found("answered_twice", offset)
            if has_result:
                self._judge_step(offset, before)
                before = self._steps[offset] + (kind == _LABELLED)
        n_published = self.counts["results"] + self.counts["letters"]
        if compared and n_published > self.counts["expected"]:
            self.found("not_as_reference", n=n_published - self.counts["expected"])
        if n_published + self.counts["tombstones"] != self.counts["records"]:
            self.found("unaccounted", n=abs(n_published + self.counts["tombstones"] - self.counts["records"]))
        if frontier is not None:
            self._judge_frontier(frontier)

    def found(self, kind: str, offset: int | None = None, *, n: int = 1) -> None:
        """Note *n* anomalies of a kind, at *offset* of the log."""
        self.anomalies[kind] += n
        places = self.examples.setdefault(kind, [])
        if offset is not None and len(places) < EXAMPLES:
            places.append(offset)

    def _judge_step(self, offset: int, wanted: int) -> None:
        if self._steps[offset] > wanted:
            self.found("step_gap", offset)
        elif self._steps[offset] < wanted:
            self.found("step_repeat", offset)

    def _judge_frontier(self, frontier: int) -> None:
        if frontier > self.end:
            self.found("frontier_ahead", frontier)
        for offset in range(frontier, self.end):
            if self.is_known(offset):
                self.found("not_committed", offset)
            if any(_get(one, offset) != _NO_DIGEST for one in self._published.values()):
                self.counts["results_beyond_frontier"] += 1

    def _teaches(self, value: bytes) -> bool:
        if self.log.label is None:
            return True
        try:
            event = json.loads(value)
        except (ValueError, RecursionError):
            return False
        return isinstance(event, dict) and event.get(self.log.label) is not None

    def _parsed(self, step: str, value: bytes | None) -> tuple[int, dict[str, Any]] | None:
        """Return offset and body of a result, ``None`` with a note if it belongs to no record."""
        try:
            body = json.loads(value or b"")
            source = body["source"]
            place, offset = (source["topic"], source["partition"]), int(source["offset"])
        except (ValueError, KeyError, TypeError):
            self.found("phantom")
            return None
        if place[0] == self.log.topic and place[1] != self.partition:
            self.found("misplaced", offset)
            return None
        known = place[0] == self.log.topic and 0 <= offset < self.end
        kind = self._kinds[offset] if known else _NOTHING
        if kind < _EVENT:
            self.found("aborted_read" if kind == _ABORTED else "phantom", offset)
            return None
        if body.get("id") != f"{self.log.pipeline}/{self.log.topic}/{self.partition}/{offset}/{step}":
            self.found("misnamed", offset)
        return offset, body

    def _compare_letter(self, offset: int, letter: dict[str, Any]) -> None:
        """Compare with the original: bytes, or the hash of many; a key that is too long is left out."""
        try:
            key, value = (_from_base64(letter.get(name)) for name in ("key_b64", "value_b64"))
            value_hash = (
                bytes.fromhex(letter["value_sha256"]) if value is None else hashlib.sha256(value).digest()
            )
            no_key = key is None and letter["error"]["type"] == "key"
        except (KeyError, TypeError, ValueError):
            self.found("altered_letter", offset)
            return
        same_key = no_key or digest(key, None) == _get(self._keys, offset)
        if not same_key or value_hash[:DIGEST_BYTES] != _get(self._values, offset):
            self.found("altered_letter", offset)


def _from_base64(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _put(digests: bytearray, offset: int, made: bytes) -> None:
    digests[offset * DIGEST_BYTES : (offset + 1) * DIGEST_BYTES] = made[:DIGEST_BYTES]


def _get(digests: bytearray, offset: int) -> bytes:
    return bytes(digests[offset * DIGEST_BYTES : (offset + 1) * DIGEST_BYTES])

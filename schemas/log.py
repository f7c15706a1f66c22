"""Records of ``<pipeline>.log``: what models learn from, and where each stood in its source.

A record that intake writes twice, or writes too early, must not be folded: ``after`` tells. See
docs/decisions/0012-intake.md.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from schemas.refusals import Refusal, explained
from schemas.results import Source

NOTHING = -1
"""As ``after``: all that comes before is in the log for certain."""

DELETED = b"null"
"""As ``data`` of a lookup: the row is no more."""

_KIND = re.compile(r"event|label|feedback|answer|lookup:[a-zA-Z0-9_.-]{1,200}")


class LogRecord(msgspec.Struct, frozen=True, gc=False):
    """One record of a pipeline's log.

    ``kind`` is ``event``, ``label``, ``feedback``, ``answer`` or ``lookup:<name>``. ``source`` is where the
    record stood that this one was made of. ``after`` is the offset of the record of that source partition
    that comes before it in this log partition, -1 if whoever wrote it has written none before.
    ``timestamp_ms`` is the time of the original record, milliseconds since 1970. ``data`` is its value: JSON
    in canonical form; ``null`` deletes the row of a lookup.
    """

    kind: str
    source: Source
    after: int
    timestamp_ms: int
    data: msgspec.Raw


encode = msgspec.json.Encoder().encode
"""Write a `LogRecord` as JSON."""

_decode = msgspec.json.Decoder(LogRecord).decode


def decode(value: bytes) -> LogRecord:
    """Return the log record in *value*.

    Raises
    ------
    Refusal
        If it is none: intake wrote no such thing, somebody else did.
    """
    try:
        record = _decode(value)
    except Exception as error:  # noqa: BLE001 - whatever the bytes provoke is the record's fault
        why = explained(error, value)
        raise Refusal("log", f"expected a record of intake: {why}", why.path) from None
    source, after = record.source, record.after
    if not (NOTHING <= after < source.offset and source.partition >= 0):
        raise Refusal("log", f"expected -1 <= after < offset, got {after} and {source}", "$.after")
    if not is_kind(record.kind):
        raise Refusal(
            "log",
            f"expected event, label, feedback, answer or lookup:<name>, got {record.kind[:80]!r}",
            "$.kind",
        )
    return record


@lru_cache(1024)
def is_kind(text: str) -> bool:
    """Return whether *text* is the kind of a log record."""
    return _KIND.fullmatch(text) is not None

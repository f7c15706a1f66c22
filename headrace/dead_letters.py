"""What is published of a record that cannot become an event."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Protocol

from headrace import mutants
from schemas import DeadLetter, Fault, Limits, Refusal, Source, result_id

DEAD_STEP = "dead"
"""Name of the step, as ids of dead letters carry it."""

HEADERS_MAX_BYTES = 65_536
"""Original headers beyond this are not copied into a dead letter: its topic could not hold them."""


class Named(Protocol):
    """What a letter tells of its pipeline: name, name and version, and how large a value may be."""

    name: str
    limits: Limits

    @property
    def label(self) -> str:
        """Name and version."""
        ...


def dead_letter(
    pipeline: Named, source: Source, record: tuple[bytes | None, bytes, int], refusal: Refusal
) -> DeadLetter:
    """Return the dead letter of the *record* at *source*: its key, its value, its time in milliseconds."""
    key, value, timestamp_ms = record
    if mutants.active("dead_letter_reencoded"):
        value = value.decode(errors="replace").encode()
    copied = len(value) <= pipeline.limits.size_bytes
    return DeadLetter(
        id=result_id(pipeline.name, source, DEAD_STEP),
        pipeline=pipeline.label,
        source=source,
        timestamp_ms=timestamp_ms,
        error=Fault(refusal.reason, refusal.path, str(refusal)),
        key_b64=None if key is None else base64.b64encode(key).decode(),
        value_b64=base64.b64encode(value).decode() if copied else None,
        value_size_bytes=len(value),
        value_sha256=None if copied else hashlib.sha256(value).hexdigest(),
    )


def original_headers(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """Return *headers* for a dead letter, or in place of too many of them how many there were."""
    size_bytes = sum(len(name) + len(content or b"") for name, content in headers)
    if size_bytes > HEADERS_MAX_BYTES:
        return [("headrace-headers-left-out", b"%d headers, %d bytes" % (len(headers), size_bytes))]
    return [(f"orig-{name}", content) for name, content in headers]

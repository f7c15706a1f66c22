"""What `<pipeline>.alerts` holds: that a rule began to hold, or holds no more."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.results import Source


class AlertEvent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A rule fires, or is resolved.

    ``name`` is the rule's, ``signal`` what it watches. ``value`` is what was seen and ``limit`` what it was
    compared with, for a rule about its own past computed from that. ``since_offset`` is where it began,
    ``n`` counts the events until now, ``time_s`` is event time in seconds since 1970. ``happened`` is a
    sentence with the numbers, ``todo`` a sentence that says what to do.

    The rule ``CircuitOpen`` is about the circuit of ``model``, whose state is ``circuit``: it fires while
    that is open or half open, and says so again whenever the state changes.
    """

    id: str
    pipeline: str
    source: Source
    name: str
    state: Literal["firing", "resolved"]
    severity: Literal["warning", "critical"]
    signal: str
    value: float
    limit: float
    since_offset: int
    n: int
    happened: str
    todo: str
    model: str | None = None
    segment: str | None = None
    time_s: float | None = None
    circuit: Literal["open", "half_open", "closed"] | None = None

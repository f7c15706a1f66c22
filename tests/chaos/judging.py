"""What the tests of this folder share."""

from __future__ import annotations

import uuid
from typing import Any

from tools.chaos import guards
from tools.chaos.arena import Arena


def fresh_name() -> str:
    """Return a pipeline's name that no other test uses."""
    return f"c{uuid.uuid4().hex[:10]}"


def require_sound(made: Arena, *, self_ended: bool = False, is_decided: bool = False) -> dict[str, Any]:
    """Judge the run; it has to be valid, and without any anomaly.

    *self_ended*: workers may end by themselves, as they do when they cannot be sure. *is_decided*: an
    operator has decided something.
    """
    report = made.judgement(is_decided=is_decided)
    assert guards.misses(made, report) == []
    if not self_ended:
        assert guards.unexplained(made) == []
    assert report["sound"], report["anomalies"]
    return report

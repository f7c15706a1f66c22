"""What headrace is meant to reach, beside what it reached."""

from __future__ import annotations

import msgspec

from agents.bench.measured import Findings
from agents.bench.plan import BARE
from agents.bench.report import OURS, paced, parts, ratio, speedup
from agents.bench.variants import EXACTLY_ONCE, MODEL, PLAIN, REPLAY, SNAPSHOTS


class Goal(msgspec.Struct, frozen=True):
    """One goal; *value* is ``None`` where it was not measured."""

    name: str
    bound: float
    value: float | None
    unit: str = "x"
    is_most: bool = False

    @property
    def is_reached(self) -> bool | None:
        """Whether it is reached, ``None`` if it was not measured."""
        if self.value is None:
            return None
        return self.value <= self.bound if self.is_most else self.value >= self.bound

    @property
    def wanted(self) -> str:
        """The goal in short: ``>= 0.75 x``."""
        return f"{'<=' if self.is_most else '>='} {self.bound:g} {self.unit}"


def goals(findings: Findings) -> list[Goal]:
    """Return every goal with what was measured."""
    found = [
        Goal("lr: headrace to the bare loop", 0.75, _ratio(findings, "lr", BARE)),
        Goal("lr: headrace to hand-written aiokafka", 0.95, _ratio(findings, "lr", "aiokafka")),
        Goal("lr: headrace to naive Faust", 12.0, _ratio(findings, "lr", "faust")),
        Goal("ht: headrace to the bare loop", 0.90, _ratio(findings, "ht", BARE)),
        Goal("arf: headrace to the bare loop", 0.90, _ratio(findings, "arf", BARE)),
        Goal("lr: transport, CPU an event", 6.0, _transport(findings), "us", is_most=True),
    ]
    for rate, bound_ms in ((1_000, 30.0), (5_000, 50.0)):
        name = f"p99 latency at {rate:,} events/s"
        found.append(Goal(name, bound_ms, _p99(findings, rate), "ms", is_most=True))
    for variant, bound in ((SNAPSHOTS, 0.95), (EXACTLY_ONCE, 0.8), (REPLAY, 1.2)):
        against = ratio(findings.variants, MODEL, variant, PLAIN)
        found.append(Goal(f"{variant} to without", bound, None if against is None else against.median))
    two = speedup(findings.scalings, OURS)
    return [*found, Goal("two workers to one", 1.6, None if two is None else two.median)]


def _ratio(findings: Findings, model: str, to: str) -> float | None:
    found = ratio(findings.runs, model, OURS, to)
    return None if found is None else found.median


def _transport(findings: Findings) -> float | None:
    found = parts(findings, "lr")
    return None if found is None else found.transport_us


def _p99(findings: Findings, rate: int) -> float | None:
    found = [x for x in paced(findings.latencies) if (x.contestant, x.rate) == (OURS, rate)]
    if not found or found[0].seen < found[0].expected:
        return None
    return found[0].p99_ms.median

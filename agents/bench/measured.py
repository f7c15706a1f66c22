"""What the benchmark measures, as plain values."""

from __future__ import annotations

import msgspec


class Run(msgspec.Struct, frozen=True):
    """One contestant, once: *seconds* from the first event to the last acknowledgement."""

    model: str
    round: int
    contestant: str
    events: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float

    @property
    def events_per_s(self) -> float:
        """Throughput."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds an event, all threads of the process."""
        return self.cpu_seconds / self.events * 1e6


class Split(msgspec.Struct, frozen=True):
    """CPU microseconds an event inside headrace's fold, without Kafka."""

    model: str
    round: int
    codec_us: float
    model_us: float
    step_us: float


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from an event's sending to its result's arrival at a consumer."""

    contestant: str
    rate: int
    round: int
    seen: int
    expected: int
    p50_ms: float
    p99_ms: float
    cpu_us: float


class Scaling(msgspec.Struct, frozen=True):
    """Throughput of several workers of one group together."""

    contestant: str
    round: int
    workers: int
    events_per_s: float


class Findings(msgspec.Struct):
    """All that one call of the command measured; *failures* tells why something is missing."""

    runs: list[Run] = []
    splits: list[Split] = []
    latencies: list[Latency] = []
    scalings: list[Scaling] = []
    variants: list[Run] = []
    failures: dict[str, str] = {}

"""How long partitions were silent after a fault, and what the time went into."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tools.chaos.faultlog import Fault
from tools.chaos.process import Said
from tools.chaos.watch import Watch

STARTED, RECOVERED, REPLAYED = "rebalance_started", "partition_recovered", "partition_replayed"
"""Log lines of a worker; the one that a partition is recovered says how long that took, in ``load_s``."""

_SLACK_S = 0.005  # clocks of logs and of the watch are read at different moments


class Split(NamedTuple):
    """Seconds from a fault to the first result of one partition elsewhere; ``None`` for what no log says."""

    kind: str
    partition: int
    total: float
    detect: float | None
    rebalance: float | None
    load: float | None
    replay: float | None
    first_result: float | None


def splits(fault: Fault, said: Sequence[Said], watch: Watch) -> list[Split]:
    """Return a split for each partition of the worker that *fault* hit; none for one that never came back."""
    heard = [line for line in said if line.at > fault.at and line.pid != fault.pid]
    found = (_split(fault, partition, heard, watch) for partition in fault.partitions)
    return [split for split in found if split is not None]


def _split(fault: Fault, partition: int, heard: Sequence[Said], watch: Watch) -> Split | None:
    held = [line for line in heard if _speaks_of(line, partition)]
    if not held:
        return None
    detected = _first(line.at for line in heard if line.event == STARTED and line.at <= held[0].at)
    resumed = watch.first_after(partition, held[0].at - _SLACK_S)
    if resumed is None:
        return None
    total = resumed - fault.at
    recovered = [line for line in held if line.event == RECOVERED and line.at <= resumed]
    if not recovered:
        return Split(fault.kind, partition, total, _since(detected, fault.at), None, None, None, None)
    ready = recovered[-1]
    load = float(ready.fields["load_s"])
    replayed = _first(line.at for line in held if line.event == REPLAYED and ready.at <= line.at <= resumed)
    live = replayed or ready.at
    return Split(
        fault.kind,
        partition,
        total,
        detect=_since(detected, fault.at),
        rebalance=_since(ready.at - load, detected),
        load=load,
        replay=live - ready.at,
        first_result=resumed - live,
    )


def _speaks_of(line: Said, partition: int) -> bool:
    if line.event in {RECOVERED, REPLAYED}:
        return bool(line.fields["partition"] == partition)
    return line.event == "assigned" and partition in line.fields["partitions"]


def _first(times: Iterable[float]) -> float | None:
    return next(iter(times), None)


def _since(at: float | None, before: float | None) -> float | None:
    return None if at is None or before is None else max(0.0, at - before)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that at least *share* of *values* do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]

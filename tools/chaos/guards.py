"""Whether a run shows anything: a fault that hit nothing proves nothing."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tools.chaos.arena import Arena
from tools.chaos.faultlog import Fault

KILLS = ("kill_worker", "failpoint")

RIGHT_AFTER_A_COMMIT = {"in_command", "after_decision"}
"""Failpoints: whoever decides has committed first, so that a kill there may find no transaction open."""


def misses(made: Arena, report: Mapping[str, Any]) -> list[str]:
    """Return why the run is not valid, a sentence each; empty if it is."""
    found = [why for fault in made.faults.faults if (why := _miss(made, fault)) is not None]
    kills = sum(
        fault.kind in KILLS and _point(fault) not in RIGHT_AFTER_A_COMMIT for fault in made.faults.faults
    )
    counts = report["counts"]
    if made.setting.delivery == "exactly_once" and kills and not counts.get("aborted_results"):
        found.append(f"{kills} kills and no transaction was aborted")
    if not counts.get("letters") or not counts.get("tombstones"):
        found.append("the log held no bad record, or no tombstone")
    return found


def _miss(made: Arena, fault: Fault) -> str | None:
    name = f"{fault.kind} {fault.detail}".strip()
    if not any(times and times[-1] > fault.at for times in made.watch.arrivals):
        return f"{name}: the work was done already"
    ended = [one for one in made.fleet.ended if one.pid == fault.pid]
    if fault.kind in KILLS and [one.code for one in ended] != [-signal.SIGKILL]:
        return f"{name}: the worker was not killed, but ended with {[one.code for one in ended]}"
    if fault.kind == "failpoint":
        reached = f"{_point(fault)} reached"
        if not any(line.pid == fault.pid and reached in line.event for line in made.fleet.said):
            return f"{name}: the point was never reached"
    if fault.kind in {"join", "leave", "terminate_worker"} and not _rebalanced(made, fault):
        return f"{name}: no rebalance followed"
    if fault.kind == "pause_worker" and not _rebalanced(made, fault):
        return f"{name}: nobody took over from the paused worker"
    return None


def _point(fault: Fault) -> str:
    return fault.detail.partition(":")[0]


def _rebalanced(made: Arena, fault: Fault) -> bool:
    return any(line.event == "assigned" and line.at > fault.at for line in made.fleet.said)


def unexplained(made: Arena) -> list[str]:
    """Return the workers that ended without anything having been done to them, and their last words."""
    return [
        f"worker {one.slot} (pid {one.pid}) ended with exit code {one.code}: {one.words}"
        for one in made.fleet.ended
        if not one.why
    ]


def effective(made: Arena) -> Counter[str]:
    """Return how many faults of each kind hit something: a kill counts if the worker died of it."""
    killed = {one.pid for one in made.fleet.ended if one.code == -signal.SIGKILL}
    return Counter(
        fault.kind for fault in made.faults.faults if fault.kind not in KILLS or fault.pid in killed
    )


def kills(faults: Counter[str]) -> int:
    """Return how many of *faults* were SIGKILLs of workers."""
    return sum(faults[kind] for kind in KILLS)


def rebalances(made: Arena) -> int:
    """Return how often partitions were given out anew: each time, every one of them goes to one worker."""
    n, given = 0, set[int]()
    for line in made.fleet.said:
        if line.event == "assigned":
            partitions = set(line.fields["partitions"])
            if n == 0 or given & partitions:
                n, given = n + 1, set()
            given |= partitions
    return n

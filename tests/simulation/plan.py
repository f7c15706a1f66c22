"""What a schedule is: how big the cluster is, what is in the log, which faults may come."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import NamedTuple

KEYS = (b"a", b"b", b"c", b"d", b"e")


class Event(NamedTuple):
    """A record to be."""

    partition: int
    key: bytes
    value: bytes | None
    gap: int


@dataclass(slots=True)
class Plan:
    """One schedule, before chance has its say.

    ``faults`` names what may happen; with only harmless ones nothing is published twice. Without a lease a
    worker believes for ever that it is a member, worse than any real one; but where commands are given and
    delivery is at least once, only the lease keeps a zombie from deciding, so there it is.
    """

    seed: int
    n_partitions: int
    n_workers: int
    events: list[Event]
    is_transactional: bool
    is_keyed: bool
    patience: int
    chunk_records: int
    snapshot_events: int
    keep_every: int
    commit_interval_s: float
    faults: tuple[str, ...]
    fault_rate: float
    max_faults: int
    n_commands: int
    with_orders: bool
    policy: str
    error_rate: float
    is_multipart: bool
    back_pressure: float
    slow_reply: float
    has_lease: bool
    time_rate: float
    delivery_rate: float
    agent_rate: float


HARMLESS = ("rebalance", "start", "stop")
HARMFUL = (
    "crash",
    "crash",
    "pause",
    "nap",
    "nap",
    "wake",
    "isolate",
    "astray",
    "corrupt",
    "expire_transaction",
    "retain",
    "retain",
)


def planned(seed: int, delivery: str | None = None) -> Plan:
    """Return the plan of a seed; *delivery* instead of the one that chance chose."""
    rng = random.Random(seed ^ 0x5EED)
    n_partitions = 1 if rng.random() < 0.5 else 2
    is_transactional = rng.random() < 0.4
    if delivery is not None:
        is_transactional = delivery == "exactly_once"
    is_graceful = rng.random() < 0.1
    n_commands = max(0, int(rng.random() * 5) - 2)
    has_lease = rng.random() < 0.6 or (n_commands > 0 and not is_transactional)
    if not has_lease and is_transactional:
        n_commands = 1 + int(rng.random() * 3)  # zombies that decide
    return Plan(
        seed=seed,
        n_partitions=n_partitions,
        n_workers=1 + int(rng.random() * 3),
        events=[_event(rng, n, n_partitions) for n in range(4 + int(rng.random() * 14))],
        is_transactional=is_transactional,
        is_keyed=rng.random() < 0.3,
        patience=1 + int(rng.random() * 2),
        chunk_records=1 + int(rng.random() * 4),
        snapshot_events=1 + int(rng.random() * 4),
        keep_every=(2, 3, 5)[int(rng.random() * 3)],
        commit_interval_s=(0.2, 1.0)[rng.random() < 0.5],
        faults=HARMLESS if is_graceful else HARMLESS + HARMFUL,
        fault_rate=(0.03, 0.08, 0.15)[int(rng.random() * 3)],
        max_faults=1 + int(rng.random() * 6),
        n_commands=n_commands,
        with_orders=seed % 2 == 1,
        policy=("uniform", "oldest", "newest", "priority", "sticky")[int(rng.random() * 5)],
        error_rate=0.0 if is_graceful else (0.0, 0.0, 0.0, 0.02, 0.06)[int(rng.random() * 5)],
        is_multipart=rng.random() < 0.3,
        back_pressure=(0.0, 0.3)[rng.random() < 0.5],
        has_lease=has_lease,
        delivery_rate=1.0 if is_graceful else (1.0, 1.0, 0.3, 0.1)[int(rng.random() * 4)],
        agent_rate=(0.2, 0.2, 0.03)[int(rng.random() * 3)],
        time_rate=(0.01, 0.05, 0.2)[int(rng.random() * 3)],
        slow_reply=(0.1, 0.3, 0.6)[int(rng.random() * 3)],
    )


def _event(rng: random.Random, n: int, n_partitions: int) -> Event:
    chance = rng.random()
    value: bytes | None = b"v%d" % n
    if chance < 0.07:
        value = b"!%d" % n
    elif chance < 0.12:
        value = None
    gap = 1 if rng.random() < 0.1 else 0
    return Event(int(rng.random() * n_partitions), KEYS[int(rng.random() * len(KEYS))], value, gap)

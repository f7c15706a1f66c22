"""A long run: three brokers, three workers, a nemesis, and everything compared at the end."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tools.chaos import guards, reference
from tools.chaos.arena import Arena, Setting, arena
from tools.chaos.cluster import Cluster, cluster
from tools.chaos.fleet import Ended
from tools.chaos.nemesis import Nemesis, Round
from tools.chaos.recovery import Split, splits

SESSION_S = 6.0
SNAPSHOT_S = 5.0
TRANSACTION_S = 0.3
LONG_MINUTES = 10.0
"""A run of so many minutes or more is once without any broker for `AWAY_S`; a shorter one for less."""

AWAY_S, SHORTLY_AWAY_S = 60.0, 8.0

Say = Callable[[str], None]


class Orders(NamedTuple):
    """What to run; *rate* is in records per second."""

    minutes: float
    seed: int
    delivery: str
    rate: float
    folder: Path


class Outcome(NamedTuple):
    """What came of it.

    ``judgement`` is the report of `tools.check`; ``different`` are partitions whose final state is not that
    of the undisturbed fold; ``compared`` is how many were compared.
    """

    seconds: float
    sent: int
    faults: Counter[str]
    rebalances: int
    ended: list[Ended]
    rounds: list[Round]
    judgement: dict[str, Any]
    compared: int
    different: list[int]
    splits: list[Split]

    @property
    def is_sound(self) -> bool:
        """Whether every promise was kept."""
        return bool(self.judgement["sound"]) and self.compared > 0 and not self.different


def run(orders: Orders, say: Say) -> Outcome:
    """Run as ordered; tell *say* how it goes, a line each round."""
    started = time.monotonic()
    say("starting three brokers")
    with cluster(orders.folder / "kafka") as brokers:
        setting = Setting(
            brokers.proxied,
            brokers.direct,
            orders.folder,
            orders.seed,
            delivery=orders.delivery,
            session_s=SESSION_S,
            snapshot_s=SNAPSHOT_S,
            transaction_s=TRANSACTION_S,
            rate=orders.rate,
        )
        say("starting three workers")
        with arena(setting, f"chaos-{orders.delivery.replace('_', '-')}-{orders.seed}") as made:
            nemesis = Nemesis(made, brokers, orders.seed)
            _disturb(made, brokers, nemesis, orders, say)
            say("all is healed; waiting until every record is done, then comparing with an undisturbed fold")
            judgement = made.judgement()
            compared, different = _compare_states(made)
            return Outcome(
                seconds=time.monotonic() - started,
                sent=made.feed.sent,
                faults=guards.effective(made),
                rebalances=guards.rebalances(made),
                ended=made.fleet.ended,
                rounds=nemesis.rounds,
                judgement=judgement,
                compared=compared,
                different=different,
                splits=_splits(made, nemesis.rounds),
            )


def _disturb(made: Arena, brokers: Cluster, nemesis: Nemesis, orders: Orders, say: Say) -> None:
    begun = time.monotonic()
    seconds = orders.minutes * 60
    away_s = AWAY_S if orders.minutes >= LONG_MINUTES else SHORTLY_AWAY_S
    was_away = False
    while (passed := time.monotonic() - begun) < seconds:
        if not was_away and passed > seconds / 2:
            was_away = True
            done = nemesis.without_brokers(away_s)
        else:
            done = nemesis.next_round()
        say(_told(made, done, time.monotonic() - begun))


def _told(made: Arena, done: Round, passed: float) -> str:
    faults = guards.effective(made)
    names = ", ".join(done.names) or "quiet"
    return (
        f"[{passed / 60:5.1f} min] {names}; flowing after {done.flowing - done.end:.1f} s | "
        f"{made.feed.sent:,} sent, {made.watch.n:,} results, {guards.kills(faults)} kills, "
        f"{faults['restart_broker']} broker restarts, {guards.rebalances(made)} rebalances"
    )


def _compare_states(made: Arena) -> tuple[int, list[int]]:
    """Compare the newest snapshot of each partition, folded on to the end, with the undisturbed fold."""
    lines = (made.setting.folder / "expected.jsonl").read_text().splitlines()
    wanted = {found["partition"]: found["final"] for found in map(json.loads, lines) if "final" in found}
    made_of = json.loads(made.command("digest", "--json"))
    different = [
        one["partition"]
        for one in made_of
        if reference.Final(one["offset"], one["step"], one["digest"])
        != reference.Final(**wanted[one["partition"]])
    ]
    return sum(one["snapshot"] is not None for one in made_of), different


def _splits(made: Arena, rounds: list[Round]) -> list[Split]:
    """Return the splits of faults of workers in rounds in which nothing else was wrong."""
    calm = [done for done in rounds if done.names in {("kill_one",), ("terminate_worker",)}]
    return [
        split
        for fault in made.faults.faults
        if fault.kind in {"kill_worker", "terminate_worker"}
        and any(done.start <= fault.at <= done.end for done in calm)
        for split in splits(fault, made.fleet.said, made.watch)
    ]

"""Contestant bare: all records in memory, in the order of event time, worked off in one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agents.bench.flights.asked import arguments
from agents.bench.flights.loop import Loop, Tables
from agents.bench.peers.common import Clock
from agents.demo.score import roc_auc
from agents.flights import data
from agents.flights.pipeline import ARRIVALS, DEPARTURES, PLANES, REGIONS, WEATHER, pipeline
from headrace.intake.murmur2 import partition_of

Work = tuple[Callable[[bytes], object], bytes]


def work(n: int, loops: list[Loop], tables: Tables) -> Iterator[Work]:
    """Yield what is to be called with each record; flights go to the loop of their partition, as in Kafka."""
    steps = [{DEPARTURES: loop.departure, ARRIVALS: loop.arrival} for loop in loops]
    rows: dict[str, Callable[[bytes], None]] = {
        WEATHER: tables.weather,
        PLANES: tables.plane,
        REGIONS: tables.region,
    }
    for topic, key, value, _ in data.records(n):
        found = steps[partition_of(key, len(loops))].get(topic)
        yield found or rows[topic], value


def main() -> None:
    """Work off the flights asked for; report the time it took and how good the answers were."""
    asked = arguments()
    tables = Tables()
    loops = [Loop(None if asked.no_joins else tables) for _ in range(pipeline.log.partitions)]
    waiting = list(work(asked.flights, loops, tables))
    clock = Clock()
    clock.start()
    for step, value in waiting:
        step(value)
    clock.stop()
    outcomes = [outcome for loop in loops for outcome in loop.outcomes]
    late = [y for _, y in outcomes]
    right = sum((p > 0.5) == y for p, y in outcomes)
    clock.report(
        asked.flights,
        labels=len(outcomes),
        expired=sum(loop.n_expired for loop in loops),
        accuracy=right / len(outcomes),
        roc_auc=roc_auc(late, [p for p, _ in outcomes]),
    )


if __name__ == "__main__":
    main()

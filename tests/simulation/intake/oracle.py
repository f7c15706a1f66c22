"""What must be true at the end: each record folded once, in order, where its key says; bad ones buried."""

from __future__ import annotations

import json
import random
from typing import Any

from aiokafka.partitioner import DefaultPartitioner

from headrace.intake import Seen
from schemas import log
from tests.simulation.ports import LOG

_partition_of = DefaultPartitioner()


def check(cluster: Any) -> None:
    """Fold the log, and compare with what the sources hold."""
    rng = random.Random(cluster.plan.seed)
    for number, values in enumerate(cluster.log):
        folded = fold(cluster, values, rng)
        for source in range(cluster.plan.n_partitions):
            wanted = [offset for offset, key in valid(cluster, source) if place(cluster, key) == number]
            found = folded.get(source, [])
            if found != wanted:
                cluster.world.fail(f"source {source} in log partition {number}: folded {found}, not {wanted}")
        check_cut(cluster, values, rng)
    check_dead(cluster)


def place(cluster: Any, key: bytes) -> int:
    """Return the log partition of a key, as another client has it."""
    found: int = _partition_of(key, list(range(cluster.n_log)), None)
    return found


def valid(cluster: Any, source: int) -> list[tuple[int, bytes]]:
    """Return offset and key of the records of a source that can be folded."""
    records = cluster.world.kafka.logs[source].records
    return [(r.offset, r.key) for r in records if r.value is not None and b'"n"' in r.value]


def fold(cluster: Any, values: list[bytes], rng: random.Random) -> dict[int, list[int]]:
    """Return the offsets folded of each source, by a fold that dies and comes back from snapshots."""
    seen, found = cluster.scheme.seen(), {}
    counts = cluster.world.counts
    for value in values:
        if rng.random() < 0.05:
            state = json.loads(json.dumps(seen.state()))
            seen = cluster.scheme.seen()
            if not cluster.scheme.forgets:
                seen.restore(state)
        record = log.decode(value)
        if seen.accept(record.source, record.after):
            found.setdefault(record.source.partition, []).append(record.source.offset)
            check_data(cluster, record)
    counts["folded"] += sum(map(len, found.values()))
    counts["duplicates left out"] += seen.duplicates
    counts["gaps left out"] += seen.gaps
    return found


def check_data(cluster: Any, record: log.LogRecord) -> None:
    """Check what a log record says of its original."""
    records = cluster.world.kafka.logs[record.source.partition].records
    [original] = [r for r in records if r.offset == record.source.offset]
    row = json.loads(original.value)
    wanted = f'{{"id":"{row["id"]}","k":"{row["k"]}"' + (f',"n":{row["n"]}}}' if row["n"] else "}")
    if (record.kind, record.source.topic, bytes(record.data), record.timestamp_ms) != (
        "event",
        LOG,
        wanted.encode(),
        original.timestamp,
    ):
        cluster.world.fail(f"the log holds {record}, not {wanted}")


def check_cut(cluster: Any, values: list[bytes], rng: random.Random) -> None:
    """Check a fold of the log whose beginning was deleted: no record twice, none out of order."""
    if cluster.scheme.seen is not Seen:
        return
    for seen in (Seen(is_whole=False), Seen()):
        if rng.random() < 0.5:
            seen.forgive()
        last: dict[int, int] = {}
        for value in values[int(rng.random() * len(values)) :]:
            record = log.decode(value)
            source = record.source
            if seen.accept(source, record.after):
                if source.offset <= last.get(source.partition, -1):
                    cluster.world.fail(f"a cut log folds {source} after {last}")
                last[source.partition] = source.offset


def check_dead(cluster: Any) -> None:
    """Check that each bad record has a letter, and nothing else has."""
    letters = [json.loads(value)["source"] for value in cluster.dead]
    found = {(letter["partition"], letter["offset"]) for letter in letters}
    wanted = {
        (partition, r.offset)
        for partition, source in enumerate(cluster.world.kafka.logs)
        for r in source.records
        if r.value is not None and b'"n"' not in r.value
    }
    cluster.world.counts["dead letters"] += len(letters)
    if found != wanted:
        cluster.world.fail(f"dead letters of {sorted(found)}, not {sorted(wanted)}")

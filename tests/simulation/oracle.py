"""What must be true: during a schedule whenever a state comes back, and at the end of everything."""

from __future__ import annotations

from typing import Any

from faust.types import TP

from headrace.errors import SnapshotError
from schemas.decisions import Epoch
from streams.ports import Stored
from streams.recovery import Recovered
from tests.simulation.kafka import Entry
from tests.simulation.plan import HARMLESS
from tests.simulation.ports import DEAD, RESULTS
from tests.simulation.reference import acts, decode, reference


def is_whole(kit: Any, partition: int, stored: Stored) -> bool:
    """Return whether a snapshot is intact and adds to no other."""
    try:
        return kit.header_of(partition, stored.blob).reaches_back == 0 and not stored.slot.startswith("pin-")
    except SnapshotError:
        return False


def check_answers(cluster: Any) -> None:
    """Check that no command was carried out twice."""
    for partition, journal in enumerate(cluster.world.kafka.journal):
        decided = [decode(journal[act.offset]).id for act in acts(cluster, partition)]
        if len(decided) != len(set(decided)):
            cluster.world.fail(f"partition {partition}: a command was carried out twice: {decided}")


def check_audit(cluster: Any) -> None:
    """Check that events with one id are the same, and say what the decisions topic says."""
    world, events = cluster.world, {event.id: event for event in cluster.world.kafka.audit}
    world.counts["audits"] += len(events)
    world.counts["audits twice"] += len(world.kafka.audit) - len(events)
    for event in world.kafka.audit:
        world.counts[f"audits {event.outcome}"] += 1
        if event != events[event.id]:
            world.fail(f"two events of the audit with the id {event.id}: {event}, {events[event.id]}")
    accepted = {(event.partition, event.decision) for event in events.values() if event.outcome == "accepted"}
    for partition in range(cluster.plan.n_partitions):
        decided = {(partition, act.offset) for act in acts(cluster, partition)}
        if decided != {one for one in accepted if one[0] == partition}:
            world.fail(f"partition {partition}: decided {decided}, the audit says {accepted}")


def count(cluster: Any) -> None:
    """Count what the decisions topics hold: a lane in which nothing is decided proves nothing."""
    counts = cluster.world.counts
    for partition, journal in enumerate(cluster.world.kafka.journal):
        effective = acts(cluster, partition)
        counts["decisions"] += len(effective)
        counts["decisions that act"] += sum(
            act.at < cluster.world.kafka.logs[partition].end for act in effective
        )
        counts["void decisions"] += sum(b'"decision"' in value for value in journal) - len(effective)


def check_recovery(cluster: Any, process: Any, tp: TP, recovered: Recovered) -> None:
    """Check a state that came back: that of an undisturbed fold, and not ahead of the frontier."""
    world, held = cluster.world, recovered.held
    next_offset = held.processor.next_offset
    if next_offset > recovered.frontier:
        world.fail(f"{process.name}: state {next_offset} ahead of frontier {recovered.frontier}")
    known = acts(cluster, tp.partition)
    if held.decision >= 0 and all(act.offset != held.decision for act in known):
        world.fail(f"{process.name}: recovered a state with the void decision {held.decision}")
    if any(act.at < next_offset and act.offset > held.decision for act in known):
        world.fail(f"{process.name}: recovered a state that misses a decision")
    wanted = reference(cluster, tp.partition, next_offset, held.decision).state
    found = cluster.kit.state_of(held.processor)
    if found != wanted:
        place = f"{recovered.how} of {tp.partition} at {next_offset}"
        world.fail(f"{process.name}: recovered {place} differs: {found}, not {wanted}")
    if recovered.how == "snapshot":
        _check_epoch(world, process, tp, recovered)


def check_write(cluster: Any, process: Any, partition: int, slot: str, blob: bytes) -> None:
    """Check a snapshot that is stored: everything before it is committed."""
    if slot.startswith("pin-"):
        return
    world = cluster.world
    next_offset, frontier = (
        cluster.kit.header_of(partition, blob).next_offset,
        world.kafka.frontier(partition),
    )
    if next_offset > frontier:
        world.fail(f"{process.name}: stored a snapshot at {next_offset}, ahead of the frontier {frontier}")


def _check_epoch(world: Any, process: Any, tp: TP, recovered: Recovered) -> None:
    """Check that no epoch known by then makes the snapshot one of a zombie."""
    epoch, next_offset = recovered.held.epoch, recovered.held.processor.next_offset
    known = world.kafka.journal[tp.partition][: recovered.timeline.next_offset]
    for offset, value in enumerate(known):
        record = decode(value)
        if isinstance(record, Epoch) and offset > epoch and next_offset > record.frontier:
            world.fail(f"{process.name}: used the snapshot of a zombie, epoch {epoch} at {next_offset}")


def usable(kit: Any, kafka: Any, partition: int) -> list[int]:
    """Return the offsets of the snapshots from which a partition could come back, the newest first."""
    headers = {}
    for stored in kafka.slots[partition].values():
        try:
            header = kit.header_of(partition, stored.blob)
        except SnapshotError:
            continue
        if not stored.slot.startswith("pin-"):
            headers[header.id] = header
    epochs = [(n, r) for n, v in enumerate(kafka.journal[partition]) if isinstance(r := decode(v), Epoch)]
    found = []
    for header in headers.values():
        is_whole, link = True, header
        for _ in range(header.reaches_back):
            is_whole = is_whole and link.previous in headers
            link = headers.get(link.previous, link)
        if is_whole and not any(n > header.epoch and header.next_offset > e.frontier for n, e in epochs):
            found.append(header.next_offset)
    return sorted(found, reverse=True)


def check_end(cluster: Any) -> None:
    """Check what was published of every partition."""
    check_answers(cluster)
    check_audit(cluster)
    for partition in range(cluster.plan.n_partitions):
        _check_partition(cluster, partition)


def _check_partition(cluster: Any, partition: int) -> None:
    world, log = cluster.world, cluster.world.kafka.logs[partition]
    wanted = reference(cluster, partition, log.end).published
    found: dict[int, list[Entry]] = {}
    for entry in world.kafka.results[partition]:
        if entry.is_committed:
            found.setdefault(entry.offset, []).append(entry)
    lost, phantoms = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if lost or phantoms:
        world.fail(f"partition {partition}: lost {lost}, phantoms {phantoms}")
    for topic in (RESULTS, DEAD):
        order = [offset for offset, copies in found.items() if copies[0].topic == topic]
        if order != sorted(order):
            world.fail(f"partition {partition}: {topic} out of order: {order}")
    for offset, copies in found.items():
        if offset in wanted:
            _check_copies(cluster, f"partition {partition}, offset {offset}", copies, wanted[offset])


def _check_copies(cluster: Any, place: str, copies: list[Entry], wanted: bytes) -> None:
    """Check the results of one record, all that were published."""
    world, plan = cluster.world, cluster.plan
    world.counts["duplicates"] += len(copies) - 1
    if len(copies) > 1 and plan.is_transactional:
        world.fail(f"{place}: published {len(copies)} times, committed")
    if len(copies) > 1 and plan.faults == HARMLESS:
        world.fail(f"{place}: published {len(copies)} times, and nobody crashed")
    for copy in copies:
        if copy.value == wanted:
            continue
        if copy.is_stale and not plan.is_transactional and world.counts["commands"]:
            world.counts["zombie results without a decision"] += 1
        else:
            world.fail(f"{place}: published {copy.value!r}, not {wanted!r}")

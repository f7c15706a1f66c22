"""Which version of a pipeline answers which partition, since when, and what stands between two versions."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agents.travel import survey
from agents.travel.past import Past
from agents.travel.survey import Archive
from headrace.errors import HeadraceError, SnapshotError
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from schemas.commands import OF_PARTITION
from schemas.snapshots import SnapshotHeader


class Standing(msgspec.Struct, frozen=True):
    """One partition: ``version`` answers it, from offset ``since`` on in the place of ``before``.

    ``version`` is 0 where it is not known, ``before`` and ``since`` are ``None`` if no other version did.
    ``prepared`` is the offset of the newest state of the version that is asked for; what lies between it and
    ``committed`` is replayed when it takes over.
    """

    partition: int
    version: int
    before: int | None
    since: int | None
    committed: int
    prepared: int | None

    @property
    def behind(self) -> int | None:
        """Offsets to replay at the switch, ``None`` if it would be the whole log."""
        return None if self.prepared is None else max(0, self.committed - self.prepared)


def standing(past: Past) -> Standing:
    """Return who answers a partition."""
    versions = [epoch.version for _, epoch in past.timeline.switches]
    last = past.timeline.switches[-1][1] if versions else None
    since = None if last is None else max(last.frontier, last.answered)
    first = past.timeline.first_version
    before = None if not versions else ([first, *versions])[-2]
    usable = past.usable
    prepared = usable[-1].header.next_offset if usable else None
    return Standing(past.partition, past.timeline.runs, before, since, past.committed or 0, prepared)


def versions(pasts: Sequence[Past]) -> set[int]:
    """Return the versions that own partitions; 0 stands for one that is not known."""
    return {past.timeline.runs for past in pasts if past.timeline.epoch >= 0}


async def standings(target: str, settings: Settings) -> list[Standing]:
    """Return who answers each partition of *target* now.

    Raises
    ------
    TopicError
        If there is no log.
    """
    pipeline = load_pipeline(target)
    async with survey.archive(pipeline, settings) as archive:
        tps = await survey.partitions(archive.consumer, pipeline.log.name, (), target)
        return [standing(past) for past in await archive.past(tps)]


async def require_other(archive: Archive, pasts: Sequence[Past], target: str) -> list[str]:
    """Return what to know of the version that runs; refuse if it is that of *target*.

    Raises
    ------
    HeadraceError
        If nothing runs, the version is not raised, or it answers everywhere already.
    """
    pipeline = archive.pipeline
    if all(past.committed is None for past in pasts):
        raise HeadraceError(
            f"no version of {pipeline.name} has answered anything yet",
            why="no offset of its group is committed: there is nothing to go on from",
            fix=f"headrace run {target}   starts this one",
        )
    if versions(pasts) == {pipeline.version}:
        _refuse_same(pipeline, pasts, target)
    headers = await _others(archive, pasts[0].partition)
    models = archive.sealing.models
    twins = sorted({f"{pipeline.name}@{h.version}" for h in headers if h.models == models})
    return [f"the models are those of {', '.join(twins)}: only what is around them differs"] if twins else []


def notes(past: Past, pipeline: Pipeline) -> list[str]:
    """Return what other versions decided on a partition, and what that means for this one."""
    found = []
    for act in past.timeline.acts:
        decision = act.decision
        if past.timeline.is_own(act) or decision.action in OF_PARTITION:
            continue
        what = f"partition {past.partition}: {pipeline.name}@{decision.version}"
        if decision.action == "unlearn":
            ranges = ", ".join(f"{first} to {last}" for first, last in decision.excluded)
            found.append(f"{what} has unlearned {ranges}: {pipeline.label} does not learn them either")
        else:
            found.append(f"{what}: {decision.action} at offset {decision.at} is not for {pipeline.label}")
    return found


def require_no_conflict(past: Past, target: str) -> None:
    """Refuse where this version once went back to models that hold what another has unlearned since.

    Raises
    ------
    HeadraceError
        Naming the decision.
    """
    pins = {snapshot.slot: snapshot.header for snapshot in past.snapshots}
    for act in filter(past.timeline.is_own, past.timeline.acts):
        header = pins.get(act.decision.snapshot)
        if header is None:
            continue
        if any(first < header.next_offset for first, _ in past.timeline.forgotten(header.decision)):
            raise HeadraceError(
                f"partition {past.partition}: decision {act.decision.id} went back to models that hold what "
                "was unlearned since",
                why="another version of the pipeline was made to forget it; these models cannot be",
                fix=f"raise the version in {target}: a new one has no decisions of its own",
            )


def _refuse_same(pipeline: Pipeline, pasts: Sequence[Past], target: str) -> None:
    if any(one.reason == "other_declaration" for past in pasts for one in past.refused):
        raise HeadraceError(
            f"{target} has other models than those that run, and the same version, {pipeline.version}",
            why="by its version a worker knows which snapshots and decisions are its own",
            fix=f"version={pipeline.version + 1} in {target}",
        )
    raise HeadraceError(
        f"{pipeline.label} answers all {len(pasts)} partitions already",
        why="there is no other version to take over from",
        fix=f"version={pipeline.version + 1} in the new declaration; headrace upgrade {target} --status "
        "says since when",
    )


async def _others(archive: Archive, partition: int) -> list[SnapshotHeader]:
    """Return the headers of the snapshots of other versions."""
    found = []
    for one in [] if archive.store is None else await archive.store.read(partition):
        try:
            header = archive.sealing.any_header_of(one.blob)
        except SnapshotError:
            continue
        if header.version != archive.pipeline.version:
            found.append(header)
    return found

"""`headrace model ls|show`: how models stand, asked of their owners, or told by what is in Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import aiohttp
import msgspec

from agents.stands import Stand
from agents.travel import backup
from agents.travel.past import Past
from agents.travel.survey import Archive
from headrace.errors import OrderError
from headrace.fold import Fold
from headrace.settings import Settings
from schemas.commands import OF_PARTITION
from schemas.decisions import Epoch, JournalRecord

ANSWER_WITHIN_S = 1.0

_decode = msgspec.json.Decoder(JournalRecord).decode


class _Answer(msgspec.Struct):
    partitions: list[Stand]


async def stands(target: str, settings: Settings, partitions: Sequence[int]) -> list[Stand]:
    """Return how the models of each partition stand."""
    async with backup.pasts(target, settings, partitions) as (archive, pasts):
        told = await _asked({http for past in pasts if (http := _owner(past))})
        return [told.get(past.partition) or at_rest(archive, past) for past in pasts]


def at_rest(archive: Archive, past: Past) -> Stand:
    """Return how the models stood at the newest snapshot, and what was ordered since."""
    fold = Fold(archive.pipeline, archive.pipeline.log.name, past.partition, allowed=archive.sealing.allowed)
    fold.next_offset, decision = past.log_start, -1
    if past.usable:
        origin = past.at(past.usable[-1])
        header, states = archive.sealing.load(origin.blobs)
        fold.restore(header.next_offset, states)
        decision = origin.decision
    for act in past.timeline.after(decision):
        made = act.decision
        if not made.snapshot and made.action not in OF_PARTITION:
            with suppress(OrderError):  # to a model of another version
                fold.order(made.action, made.model, made.value)
    return Stand(
        past.partition,
        fold.next_offset,
        fold.step,
        past.timeline.n_decided,
        past.timeline.paused_at is not None,
        is_live=False,
        models=fold.standings(),
    )


def _owner(past: Past) -> str:
    """Return the address of the newest owner; it may have gone."""
    for _, value in reversed(past.journal):
        with suppress(msgspec.MsgspecError):
            record = _decode(value)
            if isinstance(record, Epoch):
                return record.http
    return ""


async def _asked(addresses: set[str]) -> dict[int, Stand]:
    found: dict[int, Stand] = {}
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def ask(address: str) -> None:
            with suppress(aiohttp.ClientError, TimeoutError, msgspec.MsgspecError):
                async with session.get(f"{address}/models") as reply:
                    answer = msgspec.json.decode(await reply.read(), type=_Answer)
                    found.update({stand.partition: stand for stand in answer.partitions})

        await asyncio.gather(*(ask(address) for address in addresses))
    return found

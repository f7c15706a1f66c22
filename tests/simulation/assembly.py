"""The real objects of a worker, put together around the ports of the simulation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from faust.types import TP

from agents.commands import Commands
from streams.observer import Observer
from streams.outbox import Outbox
from streams.partitions import Partitions
from streams.recovery import Recovered, Recovery
from streams.snapshotting import Cadence
from streams.transactions import TransactionalOutbox
from tests.simulation.ports import LOG, PIPELINE, AnyKey, SimAudit, SimGroup, SimReader

if TYPE_CHECKING:
    from tests.simulation.process import Process

SNAPSHOT_INTERVAL_S = 5.0


class _Watching(Observer):
    """Lets the process, and so the oracle, see each state that comes back."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def recovered(self, tp: TP, found: Recovered) -> None:
        self._process.recovered(tp, found)


def partitions_of(process: Process) -> Partitions:
    """Return the ownership of *process*, as a worker has it."""
    plan, world = process.plan, process.world
    return Partitions(
        group=SimGroup(process),
        store=process.store,
        recovery=Recovery(
            pipeline=PIPELINE,
            worker=process.name,
            open_processor=process.kit.open_processor,
            journal=process.journal,
            store=process.store,
            on_refused=lambda reason: world.counts.update([f"refused {reason}"]),
        ),
        open_outbox=lambda tp: _outbox_of(process, tp),
        cadence=Cadence(
            interval_s=SNAPSHOT_INTERVAL_S,
            events=plan.snapshot_events,
            keep_every=plan.keep_every,
            keep=2,
        ),
        transactional=plan.is_transactional,
        is_held=lambda: process.is_held,
        rewind=process.rewind,
        observer=_Watching(process),
        clock=world.loop.time,
    )


def commands_of(process: Process) -> Commands:
    """Return what carries out operators' commands in *process*."""
    n = process.plan.n_partitions
    return Commands(
        SimpleNamespace(name=PIPELINE, version=1, log=SimpleNamespace(name=LOG, partitions=n)),  # type: ignore[arg-type]
        process.partitions,
        keyring=AnyKey(),  # type: ignore[arg-type]
        reader=SimReader(process),  # type: ignore[arg-type]
        store=process.store,
        journal=process.journal,
        open_processor=process.kit.open_processor,
        audit=SimAudit(process).say,
    )


def _outbox_of(process: Process, tp: TP) -> Any:
    if process.plan.is_transactional:
        return TransactionalOutbox(bootstrap="", group=PIPELINE, tp=tp)
    return Outbox(lambda: process.producer, tp.partition)  # type: ignore[arg-type, return-value]

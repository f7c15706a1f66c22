"""A process that only takes sources in: ``python -m tests.broker.intakes BOOTSTRAP PIPELINE PARTITIONS``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from agents import intake
from headrace import Event
from headrace.intake import LogSource
from schemas import Limits
from streams.app import AppSettings, HeadraceApp, build_app
from streams.intake import IntakePartitions

COMMIT_INTERVAL_S = 0.2


class Reading(Event):
    """What the test sends."""

    region: str
    a: float


class Named(msgspec.Struct):
    """What intake knows of a pipeline."""

    name: str
    label: str
    limits: Limits = Limits()


def sources(name: str) -> list[LogSource]:
    """Return events by region, labels with their key, and a table for all."""
    return [
        LogSource("event", f"{name}.events", Reading, key="region"),
        LogSource("label", f"{name}.labels"),
        LogSource("lookup:weather", f"{name}.weather", key="region", to_all=True),
    ]


async def run(bootstrap: str, name: str, log_partitions: int) -> None:
    """Take in until SIGTERM."""
    app = build_app(
        AppSettings(
            bootstrap=bootstrap,
            group=f"{name}.intake",
            session_timeout_s=6.0,
            worker_port=20_000 + os.getpid() % 40_000,
        )
    )
    partitions = intake.attach(app, Named(name, f"{name}@1"), sources(name), log_partitions=log_partitions)

    async def assigned(app: HeadraceApp, **_: Any) -> None:
        tps = sorted(tp for tp in app.consumer.assignment() if tp.topic in app.hot_topics)
        await partitions.assign(tps)
        say("assigned", tps)

    async def revoked(app: HeadraceApp, revoked: Any, **_: Any) -> None:
        await partitions.settle()

    app.on_rebalance_complete.connect(assigned, weak=False)  # type: ignore[arg-type]
    app.on_partitions_revoked.connect(revoked, weak=False)  # type: ignore[arg-type]
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    app.in_worker = True
    await app.start()
    say("started", [])
    committing = asyncio.create_task(commit(partitions))
    try:
        await stopping.wait()
    finally:
        committing.cancel()
        await partitions.settle()
        await app.stop()


async def commit(partitions: IntakePartitions) -> None:
    """Commit, for ever; end at once if the brokers refused anything, as a worker does."""
    while True:
        await asyncio.sleep(COMMIT_INTERVAL_S)
        try:
            await asyncio.shield(partitions.commit())
        except KafkaError as error:
            say("cannot go on", [repr(error)])
            os._exit(1)


def say(event: str, what: Any) -> None:
    """Write a line that the test waits for."""
    sys.stderr.write(json.dumps({"event": event, "what": what}) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3])))

"""Every topic of a pipeline in one table: name, key, partitions, retention, clean-up policy, type."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from headrace.errors import TopicError
from streams.transport import partitions_by_topic

DAY_S = 86_400.0
CREATED_WITHIN_S = 15.0


@dataclass(frozen=True)
class TopicSpec:
    """What a topic has to be.

    ``timestamps`` decides what retention counts from. Results count from their arrival: those of old events,
    which keep their events' time otherwise, would be deleted at once.
    """

    name: str
    key: str
    holds: str
    partitions: int
    retention_s: float
    cleanup: Literal["delete", "compact"] = "delete"
    max_message_bytes: int = 1 << 20
    timestamps: Literal["CreateTime", "LogAppendTime"] = "CreateTime"
    configs: Mapping[str, str] = field(default_factory=dict)


def predictions_topic(pipeline: str) -> str:
    """Return the name of the topic of results."""
    return f"{pipeline}.predictions"


def dead_topic(pipeline: str) -> str:
    """Return the name of the topic of dead letters."""
    return f"{pipeline}.dead"


def facts_topic(pipeline: str, kind: str) -> str:
    """Return the name of the topic of facts of a *kind*, such as ``labels.status``."""
    return f"{pipeline}.{kind}"


def log_topic(pipeline: str) -> str:
    """Return the name of the topic that intake merges sources into."""
    return f"{pipeline}.log"


def snapshots_topic(pipeline: str) -> str:
    """Return the name of the topic of snapshots."""
    return f"{pipeline}.snapshots"


def decisions_topic(pipeline: str) -> str:
    """Return the name of the topic of epochs and decisions."""
    return f"{pipeline}.decisions"


CONTROL_TOPIC = "headrace.control"
"""Signed commands of operators, for all pipelines."""

AUDIT_TOPIC = "headrace.audit"
"""What became of them."""

FOR_EVER = math.inf


def pipeline_topics(
    pipeline: str,
    source: str,
    *,
    key: str | None,
    event: str,
    partitions: int,
    retention_s: float,
) -> list[TopicSpec]:
    """Return the topics of a pipeline, the source first."""
    return [
        TopicSpec(source, key or "any", event, partitions, retention_s),
        TopicSpec(
            predictions_topic(pipeline),
            "of the event",
            "headrace.prediction.v1",
            partitions,
            7 * DAY_S,
            timestamps="LogAppendTime",
        ),
        # Base64 makes a letter a third larger than the record it holds.
        TopicSpec(
            dead_topic(pipeline),
            "of the record",
            "headrace.dead_letter.v1",
            partitions,
            30 * DAY_S,
            max_message_bytes=4 << 20,
            timestamps="LogAppendTime",
        ),
        # Small segments and an eager cleaner: a state that is written every few seconds is soon outdated.
        TopicSpec(
            snapshots_topic(pipeline),
            "lane, partition, slot",
            "snapshots",
            partitions,
            FOR_EVER,
            cleanup="compact",
            configs={
                "segment.bytes": str(64 << 20),
                "segment.ms": "600000",
                "min.cleanable.dirty.ratio": "0.2",
                "delete.retention.ms": "600000",
            },
        ),
        TopicSpec(decisions_topic(pipeline), "none", "epochs and decisions", partitions, FOR_EVER),
        TopicSpec(CONTROL_TOPIC, "target", "signed commands", 1, 30 * DAY_S),
        TopicSpec(AUDIT_TOPIC, "target", "headrace.audit.v1", 1, FOR_EVER),
    ]


def log_spec(pipeline: str, *, partitions: int, retention_s: float) -> TopicSpec:
    """Return the topic that intake writes for *pipeline*; it has as many partitions as those of results.

    Its records count from their arrival: that of an old event is not deleted at once, nor that of one from
    the year 2099 refused. What time an event has stands in its record. Written out in full, with its place,
    a record may be larger than it was.
    """
    return TopicSpec(
        log_topic(pipeline),
        "of the pipeline",
        "events, labels, feedback, answers, lookups",
        partitions,
        retention_s,
        max_message_bytes=4 << 20,
        timestamps="LogAppendTime",
    )


def facts_spec(
    pipeline: str, kind: str, *, event: str, partitions: int, max_message_bytes: int = 1 << 20
) -> TopicSpec:
    """Return the topic of facts of a *kind*; *event* is their type."""
    return TopicSpec(
        facts_topic(pipeline, kind),
        "of the record",
        event,
        partitions,
        7 * DAY_S,
        max_message_bytes=max_message_bytes,
        timestamps="LogAppendTime",
    )


@dataclass(frozen=True)
class TopicCheck:
    """What is found of a topic: ``partitions`` is ``None`` if there is no such topic."""

    spec: TopicSpec
    partitions: int | None

    @property
    def problem(self) -> str | None:
        """What is wrong, or ``None``."""
        if self.partitions is None:
            return "missing"
        if self.partitions != self.spec.partitions:
            return f"has {self.partitions} partitions, expected {self.spec.partitions}"
        return None


async def check(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> list[TopicCheck]:
    """Return how each topic stands on the broker."""
    found = {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics([spec.name for spec in specs])
        if topic["error_code"] == 0
    }
    return [TopicCheck(spec, found.get(spec.name)) for spec in specs]


async def create(
    admin: AIOKafkaAdminClient,
    specs: Iterable[TopicSpec],
    *,
    replication: int | None = None,
) -> list[str]:
    """Create the topics that are missing and return their names; replication: 3, or the brokers there are."""
    if replication is None:
        replication = min(3, len((await admin.describe_cluster())["brokers"]))
    missing = [c.spec for c in await check(admin, list(specs)) if c.partitions is None]
    if not missing:
        return []
    reply = await admin.create_topics(
        [
            NewTopic(
                name=spec.name,
                num_partitions=spec.partitions,
                replication_factor=replication,
                topic_configs={
                    "cleanup.policy": spec.cleanup,
                    "retention.ms": str(_milliseconds(spec.retention_s)),
                    "max.message.bytes": str(spec.max_message_bytes),
                    "message.timestamp.type": spec.timestamps,
                    **spec.configs,
                },
            )
            for spec in missing
        ]
    )
    for name, code, *rest in reply.topic_errors:
        error = for_code(code)
        if code != 0 and error.__name__ != "TopicAlreadyExistsError":
            raise TopicError(
                f"topic {name} cannot be created",
                why=f"{error.__name__}: {rest[0] if rest else ''}",
                fix="check the name and your rights on the broker",
            )
    await _until_known(admin, missing)
    return [spec.name for spec in missing]


def _milliseconds(retention_s: float) -> int:
    return -1 if retention_s == FOR_EVER else int(retention_s * 1000)


async def _until_known(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> None:
    """Wait until the broker tells of the topics in its metadata; creation is asynchronous."""
    try:
        async with asyncio.timeout(CREATED_WITHIN_S):
            while any(c.partitions is None for c in await check(admin, specs)):  # noqa: ASYNC110 - the broker is asked
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TopicError(
            f"topics were created and are not there after {CREATED_WITHIN_S:.0f} s",
            why="the brokers do not tell of " + ", ".join(spec.name for spec in specs),
            fix="is the cluster healthy? Look at its log",
        ) from error


async def require(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], target: str) -> None:
    """Raise unless every topic is there with the right number of partitions.

    Raises
    ------
    TopicError
        Naming the first topic at fault and the command that mends it.

    """
    try:
        checks = await check(admin, specs)
    except KafkaError as error:
        raise TopicError("topics cannot be described", why=str(error)) from error
    for found in checks:
        if found.partitions is None:
            raise TopicError(
                f"topic {found.spec.name} does not exist",
                fix=f"headrace topics create {target}",
            )
        if found.problem:
            raise TopicError(
                f"topic {found.spec.name} {found.problem}",
                why="results go to the partition number of their event, so all topics have as many",
                fix=f"partitions={checks[0].partitions or found.partitions} in the pipeline's Topic, or "
                f"recreate {found.spec.name}",
            )


async def listing(consumer: AIOKafkaConsumer) -> list[tuple[str, int, int]]:
    """Return name, number of partitions and number of records of every topic but Kafka's own."""
    rows = []
    for name, numbers in sorted((await partitions_by_topic(consumer)).items()):
        if not name.startswith("__"):
            tps = [TopicPartition(name, number) for number in numbers]
            starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            rows.append((name, len(tps), sum(ends[tp] - starts[tp] for tp in tps)))
    return rows

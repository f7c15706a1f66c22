"""The table of a pipeline's topics, and what is wrong with those that are found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from headrace.errors import TopicError
from streams import topics
from streams.topics import TopicCheck, TopicSpec

SPECS = topics.pipeline_topics(
    "fraud", "payments", key="country", event="Payment", partitions=8, retention_s=60
)


class Broker:
    """Answers as an admin client does: partitions by topic; code 3 is UNKNOWN_TOPIC_OR_PARTITION."""

    def __init__(
        self,
        partitions: dict[str, int],
        error: Exception | None = None,
        refused: dict[str, int] | None = None,
    ) -> None:
        self.partitions = partitions
        self.error = error
        self.refused = refused or {}
        self.created: list[str] = []

    async def create_topics(self, wanted: list[Any]) -> SimpleNamespace:
        """Accept or refuse; what is accepted never shows up."""
        self.created += [topic.name for topic in wanted]
        return SimpleNamespace(topic_errors=[(t.name, self.refused.get(t.name, 0), None) for t in wanted])

    async def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        return [
            {
                "topic": name,
                "error_code": 0 if name in self.partitions else 3,
                "partitions": list(range(self.partitions.get(name, 0))),
            }
            for name in names
        ]


@pytest.mark.parametrize(
    ("name", "key", "holds", "retention_s", "max_message_bytes", "timestamps"),
    [
        ("payments", "country", "Payment", 60, 1 << 20, "CreateTime"),
        ("fraud.predictions", "of the event", "headrace.prediction.v1", 7 * 86_400, 1 << 20, "LogAppendTime"),
        ("fraud.dead", "of the record", "headrace.dead_letter.v1", 30 * 86_400, 4 << 20, "LogAppendTime"),
    ],
)
def test_the_table(
    name: str, key: str, holds: str, retention_s: float, max_message_bytes: int, timestamps: Any
) -> None:
    [spec] = [spec for spec in SPECS if spec.name == name]
    assert spec == TopicSpec(name, key, holds, 8, retention_s, "delete", max_message_bytes, timestamps)


def test_there_are_no_others_and_the_source_is_first() -> None:
    assert [spec.name for spec in SPECS] == [
        "payments",
        "fraud.predictions",
        "fraud.dead",
        "fraud.snapshots",
        "fraud.decisions",
        "headrace.control",
        "headrace.audit",
    ]
    assert topics.predictions_topic("fraud") == "fraud.predictions"
    assert topics.dead_topic("fraud") == "fraud.dead"


def test_snapshots_are_compacted_and_decisions_stay_for_ever() -> None:
    snapshots, decisions, control, audit = SPECS[3:]
    assert (audit.partitions, audit.retention_s) == (1, topics.FOR_EVER)
    assert (snapshots.cleanup, snapshots.partitions) == ("compact", 8)
    assert (decisions.cleanup, decisions.partitions, decisions.retention_s) == (
        "delete",
        8,
        topics.FOR_EVER,
    )
    assert control.partitions == 1


def test_a_source_without_a_key_takes_any() -> None:
    specs = topics.pipeline_topics("p", "s", key=None, event="E", partitions=1, retention_s=1)
    assert specs[0].key == "any"


def test_a_dead_letter_has_room_for_the_largest_record_in_base64() -> None:
    source, _, dead, *_ = SPECS
    assert dead.max_message_bytes > source.max_message_bytes * 4 / 3 + 64 * 1024


@pytest.mark.parametrize(
    ("partitions", "problem"), [(None, "missing"), (3, "has 3 partitions, expected 8"), (8, None)]
)
def test_what_is_wrong_is_said(partitions: int | None, problem: str | None) -> None:
    assert TopicCheck(SPECS[0], partitions).problem == problem


async def test_topics_as_declared_pass() -> None:
    broker = Broker({spec.name: spec.partitions for spec in SPECS})
    await topics.require(broker, SPECS, "fraud.py")
    assert [found.problem for found in await topics.check(broker, SPECS)] == [None] * len(SPECS)


async def test_a_missing_topic_is_named_with_the_command_that_creates_it() -> None:
    with pytest.raises(TopicError, match=r"fraud\.dead does not exist") as caught:
        await topics.require(Broker({"payments": 8, "fraud.predictions": 8}), SPECS, "fraud.py")
    assert caught.value.fix == "headrace topics create fraud.py"


async def test_a_result_topic_with_other_partitions_is_named_with_both_numbers() -> None:
    broker = Broker({"payments": 8, "fraud.predictions": 4, "fraud.dead": 8})
    with pytest.raises(TopicError, match=r"fraud\.predictions has 4 partitions, expected 8") as caught:
        await topics.require(broker, SPECS, "fraud.py")
    assert "partitions" in caught.value.fix


async def test_topics_that_never_appear_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "CREATED_WITHIN_S", 0.05)
    with pytest.raises(TopicError, match="not there") as caught:
        await topics.create(Broker({"payments": 8}), SPECS, replication=1)
    assert "fraud.predictions, fraud.dead" in caught.value.why
    assert "payments" not in caught.value.why


async def test_a_topic_that_cannot_be_created_is_named_with_the_reason() -> None:
    with pytest.raises(TopicError, match=r"fraud\.dead cannot be created") as caught:
        await topics.create(Broker({}, refused={"fraud.dead": 29}), SPECS, replication=1)
    assert "TopicAuthorizationFailedError" in caught.value.why


async def test_nothing_is_created_that_is_there() -> None:
    broker = Broker({spec.name: 8 for spec in SPECS})
    assert await topics.create(broker, SPECS, replication=1) == []
    assert broker.created == []


async def test_a_broker_that_fails_while_asked_gives_a_clear_error() -> None:
    with pytest.raises(TopicError, match="cannot be described") as caught:
        await topics.require(Broker({}, KafkaConnectionError("gone")), SPECS, "fraud.py")
    assert "gone" in caught.value.why

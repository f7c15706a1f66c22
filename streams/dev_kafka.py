"""The Kafka that `headrace kafka up` leaves running for development; its data survive restarts."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import psutil

from streams.broker import LocalKafka, n_brokers
from streams.jars import Progress
from streams.kafka_node import STOP_TIMEOUT_S

_STATE = "state.json"


class KafkaStatus(msgspec.Struct, frozen=True):
    """A local Kafka that was started and left running."""

    bootstrap: str
    pids: list[int]
    started_at: list[float]
    data_dir: str

    @property
    def processes(self) -> list[psutil.Process]:
        """The live processes; a recycled process id is told apart by its start time."""
        return [
            process
            for pid, started_at in zip(self.pids, self.started_at, strict=True)
            if (process := _process(pid, started_at)) is not None
        ]

    @property
    def is_answering(self) -> bool:
        """Whether a broker answers."""
        return n_brokers(self.bootstrap) > 0


def _process(pid: int, started_at: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at) < 0.01 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return process if same else None


def status(data_dir: Path) -> KafkaStatus | None:
    """Return the Kafka of *data_dir* if all its processes live."""
    found = _recorded(data_dir)
    return found if found is not None and len(found.processes) == len(found.pids) else None


def _recorded(data_dir: Path) -> KafkaStatus | None:
    path = data_dir / _STATE
    return msgspec.json.decode(path.read_bytes(), type=KafkaStatus) if path.exists() else None


def up(
    data_dir: Path, *, nodes: int = 1, port: int | None = None, progress: Progress | None = None
) -> KafkaStatus:
    """Start a Kafka that outlives this process, or return the one that runs already.

    Raises
    ------
    LocalKafkaError
        As `LocalKafka.start`.

    """
    running = status(data_dir)
    if running is not None:
        return running
    down(data_dir)  # what is left of one that lost a node
    kafka = LocalKafka(data_dir, nodes, port=port, progress=progress)
    kafka.start(detached=True)
    pids = [node.pid for node in kafka.nodes]
    started = [psutil.Process(pid).create_time() for pid in pids]
    found = KafkaStatus(kafka.bootstrap, pids, started, str(data_dir))
    (data_dir / _STATE).write_text(json.dumps(msgspec.to_builtins(found)))
    return found


def down(data_dir: Path) -> bool:
    """Stop what runs of the Kafka of *data_dir*; return whether anything did."""
    recorded = _recorded(data_dir)
    if recorded is None:
        return False
    processes = recorded.processes
    for process in processes:
        process.terminate()
    for process in psutil.wait_procs(processes, STOP_TIMEOUT_S)[1]:
        process.kill()
    (data_dir / _STATE).unlink(missing_ok=True)
    return bool(processes)

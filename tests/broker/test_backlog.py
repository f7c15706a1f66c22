"""Topics with a history when the first worker starts: they are read at a common time."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

N_EVENTS = 3_000
EVERY_S = 150.0
"""Events: five days in all. Labels come 20 minutes later, each four times; events wait for two hours."""

PIPELINE = """
import headrace as hr
import msgspec
from river import linear_model, preprocessing


class Departure(hr.Event):
    at: float
    who: str
    a: float
    y: bool | None = None


class Weather(msgspec.Struct):
    place: str
    at: float
    wind: float


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Departure, partitions={partitions}, time="at"),
    labels=hr.Labels("{name}.outcomes", key="who", time="at", wait_s=7200, partitions=1),
    lookups=[
        hr.Lookup(
            hr.Topic("{name}.weather", Weather, partitions=1),
            key="place", on="who", as_of="at", missing="dead",
        )
    ],
    key="who",
    target="y",
    models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
)
"""


def told(at_s: float, **fields: Any) -> tuple[float, bytes]:
    return at_s, json.dumps({"at": at_s, **fields}).encode()


def send(
    bootstrap: str, topic: str, values: Iterable[tuple[float, bytes]], partitions: Sequence[int]
) -> None:
    """Send values at their times, in transactions: their ends stand in the topic, too."""
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "transactional.id": topic})
    producer.init_transactions(60)
    for n, (at_s, value) in enumerate(values):
        if n % 500 == 0:
            if n:
                producer.commit_transaction(60)
            producer.begin_transaction()
        partition = partitions[n % len(partitions)]
        producer.produce(topic, value, partition=partition, timestamp=int(at_s * 1000))
        producer.poll(0)
    producer.commit_transaction(60)


def facts(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    return [json.loads(message.value() or b"") for message in w.consume(bootstrap, topic, 2)]


def test_a_history_is_folded_as_if_it_had_been_lived(tmp_path: Path, bootstrap: str) -> None:
    name = w.create_pipeline(tmp_path, bootstrap, template=PIPELINE, partitions=2)
    began_s = time.time() - N_EVENTS * EVERY_S
    times = [began_s + n * EVERY_S for n in range(N_EVENTS)]
    events = [told(at, id=f"e{n}", who=f"w{n % 3}", a=n * 37 % 101 / 50) for n, at in enumerate(times)]
    labels = [
        told(at + 1200, id=f"e{n}", who=f"w{n % 3}", y=n % 2 == 0)
        for n, at in enumerate(times)
        for _ in range(4)
    ]
    rows = [told(at - 1, place=f"w{k}", wind=float(n)) for n, at in enumerate(times[::24]) for k in range(3)]
    send(bootstrap, f"{name}.events", events, (0, 1))
    send(bootstrap, f"{name}.outcomes", labels, (0,))
    send(bootstrap, f"{name}.weather", rows, (0,))

    with w.workers(tmp_path, bootstrap) as start:
        worker = start()
        worker.until_ready()
        status = f"{name}.labels.status"
        w.until(
            lambda: w.end_offsets(bootstrap, status, 2) >= 4 * N_EVENTS, "all labels came to something", 240
        )
        w.until(
            lambda: w.end_offsets(bootstrap, f"{name}.predictions", 2) >= N_EVENTS, "all is answered", 240
        )
        assert worker.terminate() == 0
        waited = worker.events("merge_waited_in_vain")

    states = Counter(one["state"] for one in facts(bootstrap, status))
    assert states["joined"] == N_EVENTS
    assert states["expired"] == 0
    assert facts(bootstrap, f"{name}.dead") == []
    assert waited == []
    verified = w.headrace("verify", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr

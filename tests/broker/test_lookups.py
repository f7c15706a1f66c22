"""Rows of a lookup table reach every partition of the log, and join the events, in a real worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

PARTITIONS = 2

JOINING = """
import headrace as hr
import msgspec
from river import linear_model, preprocessing


class Departure(hr.Event):
    at: float
    origin: str
    late: bool | None = None


class Weather(msgspec.Struct):
    airport: str
    at: float
    wind: float


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Departure, key="id", partitions={partitions}, time="at"),
    lookups=[
        hr.Lookup(
            hr.Topic("{name}.weather", Weather, partitions=1),
            key="airport", on="origin", as_of="at", missing="dead",
        )
    ],
    target="late",
    models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    features=["origin"],
    transform=lambda: hr.Window("wind", how="last") + hr.Window("wind", how="max"),
)
"""


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap, template=JOINING, partitions=PARTITIONS)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def departure(i: int, origin: str) -> bytes:
    event = {"id": f"e{i}", "at": 1.7e9 + i, "origin": origin, "late": i % 3 == 0}
    return json.dumps(event).encode()


def test_a_row_joins_the_events_of_all_partitions_and_one_without_row_is_a_dead_letter(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    worker = start()
    worker.until_ready()

    rows = [
        json.dumps({"airport": a, "at": 1.7e9 - 60, "wind": wind}).encode()
        for a, wind in [("JFK", 30), ("LGA", 9)]
    ]
    w.produce(bootstrap, f"{name}.weather", [*rows, b'{"airport": "JFK"}'], 1)
    w.until(
        lambda: w.end_offsets(bootstrap, f"{name}.log", PARTITIONS) == 2 * PARTITIONS, "rows are in the log"
    )
    events = [departure(i, ("JFK", "LGA", "EWR")[i % 3]) for i in range(60)]
    w.produce(bootstrap, f"{name}.events", events, PARTITIONS)
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", PARTITIONS) == 40, "events with a row")
    w.until(
        lambda: w.end_offsets(bootstrap, f"{name}.dead", PARTITIONS) == 21, "events without, and the bad row"
    )

    letters = [json.loads(m.value() or b"") for m in w.consume(bootstrap, f"{name}.dead", PARTITIONS)]
    assert sorted(letter["error"]["type"] for letter in letters) == ["lookup"] * 20 + ["type"]
    assert worker.terminate() == 0
    verified = w.headrace("verify", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr

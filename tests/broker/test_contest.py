"""A challenger that wins, through real workers that are killed: told once, and answers from there on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

PARTITIONS = 2
N_EVENTS = 1_000

TRANSFERS = """
import headrace as hr
from river import linear_model, naive_bayes, preprocessing


class Transfer(hr.Event):
    account: str
    amount: float
    is_fraud: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.made", Transfer, key="account", partitions={partitions}),
    target="is_fraud",
    features=["amount"],
    models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    challengers={{"bayes": naive_bayes.GaussianNB}},
    promotion=hr.Promotion(at_least=100, cooldown=100),
    canary=hr.Canary(steps=(0.2, 0.6, 1.0), every=60),
)
"""


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap, template=TRANSFERS, partitions=PARTITIONS)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def transfer(i: int) -> bytes:
    amount = i * 37 % 101 * 10.0
    event = {"id": f"t{i}", "account": f"a{i % 61}", "amount": amount, "is_fraud": 300.0 < amount < 700.0}
    return json.dumps(event).encode()


def values(bootstrap: str, topic: str) -> list[bytes]:
    return [message.value() or b"" for message in w.consume(bootstrap, topic, PARTITIONS)]


def by_partition(facts: list[bytes]) -> dict[int, list[dict[str, Any]]]:
    """Return *facts*, each once, in order of offset."""
    found = defaultdict(list)
    for fact in map(json.loads, dict.fromkeys(facts)):
        found[fact["source"]["partition"]].append(fact)
    return {p: sorted(some, key=lambda fact: fact["source"]["offset"]) for p, some in found.items()}


def test_a_challenger_is_promoted_at_one_offset_although_workers_are_killed(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    workers = [start(), start()]
    for worker in workers:
        worker.until_ready()
    for first in range(0, N_EVENTS, 500):
        last = first + 500
        w.produce(bootstrap, f"{name}.made", [transfer(i) for i in range(first, last)], PARTITIONS)
        w.until(
            lambda n=last: len({*values(bootstrap, f"{name}.predictions")}) >= n,  # type: ignore[misc]
            "every transfer has its answer",
            240,
        )
        workers[0].process.kill()
        workers[0] = start()
        workers[0].until_ready()
        workers.reverse()
    codes = [worker.terminate() for worker in workers]

    answers = by_partition(values(bootstrap, f"{name}.predictions"))
    told = by_partition(values(bootstrap, f"{name}.contest"))
    assert codes == [0, 0]
    assert sum(map(len, answers.values())) == N_EVENTS, "an answer that came twice had the same bytes"
    assert told.keys() == answers.keys() == {*range(PARTITIONS)}
    for partition, events in told.items():
        assert [event["action"] for event in events] == [
            "canary_started", "canary_grown", "canary_grown", "promoted"
        ]  # fmt: skip
        begun, *_, won = (event["source"]["offset"] for event in events)
        by = [answer["by"] for answer in answers[partition]]
        assert {*by[: begun + 1]} == {"model"}
        assert {*by[begun + 1 : won + 1]} == {"model", "bayes"}
        assert {*by[won + 1 :]} == {"bayes"}
    verified = w.headrace("verify", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr

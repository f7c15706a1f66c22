"""A worker that hangs ends by itself, says why and where; and stopping has a limit whatever a model does."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import pytest

from tests.broker import workers as w
from tests.broker.workers import WorkerProcess

pytestmark = [pytest.mark.broker, pytest.mark.slow]

HANGING = """
import re
import time

import headrace as hr
from river import base


def in_python():
    while True:
        time.sleep(0.01)


def in_c():  # which holds Python's lock for days
    re.match("(a+)+$", "a" * 40 + "b")


class Hanging(base.Classifier):
    def learn_one(self, x, y):
        pass

    def predict_proba_one(self, x):
        if x["a"] < 0:
            {hang}()
        return {{True: 0.5, False: 0.5}}


class Reading(hr.Event):
    id: str
    a: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, partitions=2),
    target="y",
    models=Hanging,
    features=["a"],
)
"""

STALLED = """
import asyncio

import headrace as hr
from river import linear_model


class Reading(hr.Event):
    a: float
    b: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, key="id", partitions=2),
    labels=hr.Labels("{name}.outcomes"),
    target="y",
    models=linear_model.LogisticRegression,
)


def attach(app):
    async def never(chunks):
        await asyncio.Event().wait()

    app.intake.process = never
"""

Start = Callable[..., WorkerProcess]


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    with w.workers(tmp_path, bootstrap) as run:
        yield run


def pipeline(folder: Path, bootstrap: str, text: str) -> str:
    name = f"t{random.getrandbits(40):x}"
    path = folder / "pipe.py"
    path.write_text(text.replace("{name}", name).replace("{{", "{").replace("}}", "}"))
    (folder / "headrace.toml").write_text('snapshot_classes = ["pipe.Hanging"]\n')
    w.create_topics(path, bootstrap)
    return name


def event(i: int, a: float = 1.0) -> bytes:
    return json.dumps({"id": f"e{i}", "a": a, "b": 0.5, "y": True}).encode()


def n_results(bootstrap: str, name: str) -> int:
    return w.end_offsets(bootstrap, f"{name}.predictions", 2)


@pytest.mark.parametrize(
    ("hang", "said"),
    [
        ("in_python", "the event loop stood still for"),
        ("in_c", "Timeout (0:00:0"),
    ],
)
def test_a_model_that_hangs_ends_its_worker_with_a_stack_that_shows_where(
    tmp_path: Path, bootstrap: str, start: Start, monkeypatch: pytest.MonkeyPatch, hang: str, said: str
) -> None:
    monkeypatch.setenv("HEADRACE_WATCHDOG_S", "4")
    name = pipeline(tmp_path, bootstrap, HANGING.replace("{hang}", hang))
    worker = start()
    worker.until_ready()
    w.produce(bootstrap, f"{name}.events", [event(i) for i in range(10)], 2)
    w.until(lambda: n_results(bootstrap, name) == 10, "it works")

    w.produce(bootstrap, f"{name}.events", [event(10, a=-1.0)], 2)

    assert worker.process.wait(30) == 1
    text = worker.log_text()
    assert said in text
    assert f"in {hang}" in text.partition(said)[2]
    assert "in predict_proba_one" in text


def test_a_worker_that_takes_nothing_in_shows_its_lag_and_ends(
    tmp_path: Path, bootstrap: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_WATCHDOG_S", "8")
    name = pipeline(tmp_path, bootstrap, STALLED)
    topic = f"{name}.events"
    worker = start()
    worker.until_ready()

    w.produce(bootstrap, topic, [event(i) for i in range(7)], 1)

    gauge = re.compile(rf'headrace_consumer_lag_events{{.*partition="0",.*topic="{topic}"}} 7\.0')
    w.until(lambda: gauge.search(worker.get("/metrics")[1]), "its lag is shown")
    assert worker.process.wait(60) == 1
    [bark] = worker.events("watchdog")
    assert bark["reason"].startswith(f"records wait in partition 0 of {topic}, and none was processed for")
    found = json.loads(w.headrace("status", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap).stdout)
    assert (found["lag"], found["source_lag"]) == (0, 7)
    lags = {(share["topic"], share["partition"]): share["lag"] for share in found["sources"]}
    labels = f"{name}.outcomes"
    assert lags == {(topic, 0): 7, (topic, 1): 0, (labels, 0): 0, (labels, 1): 0}
    said = w.headrace("status", "pipe.py", cwd=tmp_path, bootstrap=bootstrap).stdout.decode()
    assert "lag 0, 7 to be taken in" in said


def test_sigterm_ends_a_worker_whose_model_hangs_within_the_limit(
    tmp_path: Path, bootstrap: str, start: Start
) -> None:
    name = pipeline(tmp_path, bootstrap, HANGING.replace("{hang}", "in_python"))
    worker = start()
    worker.until_ready()
    w.produce(bootstrap, f"{name}.events", [event(0, a=-1.0)], 2)
    w.until(lambda: _is_stuck(worker), "it hangs")

    worker.process.terminate()

    assert worker.process.wait(20) == 1
    assert "in in_python" in worker.log_text()


def test_a_log_that_ends_with_the_mark_of_a_transaction_is_no_work_that_waits(
    tmp_path: Path, bootstrap: str, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADRACE_WATCHDOG_S", "2")
    name = pipeline(tmp_path, bootstrap, w.PIPELINE.replace("{partitions}", "2"))
    worker = start()
    worker.until_ready()
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "transactional.id": name})
    producer.init_transactions(30)
    producer.begin_transaction()
    for i in range(20):
        producer.produce(f"{name}.events", event(i), partition=i % 2)
    producer.commit_transaction(30)
    w.until(lambda: n_results(bootstrap, name) == 20, "all results")

    done_at = time.monotonic()
    w.until(
        lambda: worker.process.poll() is not None or time.monotonic() - done_at > 6, "three times its limit"
    )

    assert worker.process.poll() is None, worker.log_text()
    assert worker.terminate() == 0


def _is_stuck(worker: WorkerProcess) -> bool:
    try:
        worker.get("/live")
    except OSError:
        return True
    return False

"""What breaks while workers run: brokers, workers, and a model too slow for its log. Nothing is lost."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka
import psutil
import pytest

from streams.broker import LocalKafka, n_brokers
from tests.broker import workers as w
from tests.broker.running import events

pytestmark = pytest.mark.broker

SLOW_PIPELINE = """
import time

import headrace as hr
from river import base


class Slow(base.Classifier):
    def learn_one(self, x, y):
        time.sleep(0.005)

    def predict_proba_one(self, x):
        return {{True: 0.5, False: 0.5}}


class Reading(hr.Event):
    id: str
    a: float
    text: str = ""
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, partitions=2),
    target="y",
    models=Slow,
    features=["a"],
)
"""


def owned(worker: w.WorkerProcess) -> list[int]:
    found: list[int] = json.loads(worker.get("/ready")[1])["partitions"]
    return found


def until_shared(*workers: w.WorkerProcess) -> None:
    """Wait until the workers hold the two partitions, none of them both."""

    def shared() -> bool:
        held = [owned(worker) for worker in workers]
        each_once = sorted(partition for some in held for partition in some) == [0, 1]
        return each_once and max(map(len, held)) == 1 and all(worker.events("assigned") for worker in workers)

    w.until(shared, "the partitions are shared", 240)


def n_results(bootstrap: str, name: str) -> int:
    return w.end_offsets(bootstrap, f"{name}.predictions", 2)


def results(bootstrap: str, name: str) -> dict[str, list[bytes]]:
    """Return the results by id; a result that came twice has two values."""
    found: dict[str, list[bytes]] = {}
    for message in w.consume(bootstrap, f"{name}.predictions", 2):
        found.setdefault(dict(message.headers())["ce_id"].decode(), []).append(message.value())
    return found


def committed(bootstrap: str, name: str) -> dict[int, int]:
    """Return the frontier per partition."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    tps = [confluent_kafka.TopicPartition(f"{name}.events", partition) for partition in range(2)]
    found = consumer.committed(tps, timeout=10)
    consumer.close()
    return {tp.partition: max(0, tp.offset) for tp in found}


def until_all_there(bootstrap: str, name: str, n: int) -> dict[str, list[bytes]]:
    """Return the results once all *n* events lie before the frontier; duplicates must have the same bytes."""
    w.until(lambda: sum(committed(bootstrap, name).values()) == n, f"{n} events are done", 90)
    found = results(bootstrap, name)
    assert len(found) == n
    assert all(len(set(values)) == 1 for values in found.values())
    return found


class Outage(NamedTuple):
    """What workers did when their broker was killed amid work and later started again."""

    hasty: list[w.WorkerProcess]
    live_while_away: int
    silent: list[dict[str, Any]]
    n_events: int
    results: dict[str, list[bytes]]
    exit_code_of_the_patient: int


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    """Two workers give up after 2 s, one after a minute; the broker is away for something between.

    There are two partitions, so one of the three only stands by.
    """
    folder = tmp_path_factory.mktemp("outage")
    with LocalKafka(folder / "kafka") as kafka, w.workers(folder, kafka.bootstrap) as start:
        bootstrap, name = kafka.bootstrap, w.create_pipeline(folder, kafka.bootstrap)
        patient = start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HEADRACE_BROKER_LOST_TIMEOUT_S", "2")
            hasty = [start(), start()]
        until_shared(patient, *hasty)
        w.produce(bootstrap, f"{name}.events", events(0, 20_000), 2)
        w.until(lambda: n_results(bootstrap, name) > 1_000, "they are in the midst of it")

        kafka.node(1).kill()
        w.until(lambda: all(worker.process.poll() is not None for worker in hasty), "two give up", 240)
        live = patient.get("/live")[0]
        kafka.node(1).start()
        w.until(lambda: n_brokers(bootstrap) == 1, "the broker is back", 240)
        w.produce(bootstrap, f"{name}.events", events(20_000, 21_000), 2)
        found = until_all_there(bootstrap, name, 21_000)
        silent = patient.events("broker_silent")
        yield Outage(hasty, live, silent, 21_000, found, patient.terminate())


def test_a_worker_survives_a_broker_that_dies_and_comes_back_and_nothing_is_lost(outage: Outage) -> None:
    assert outage.live_while_away == 200
    assert outage.silent, "it says that no broker answers"
    assert len(outage.results) == outage.n_events
    assert outage.exit_code_of_the_patient == 0


def test_a_broker_gone_for_too_long_ends_even_a_worker_that_stands_by_and_it_says_why(outage: Outage) -> None:
    for worker in outage.hasty:
        assert worker.process.returncode == 1
        assert "no broker answered for" in worker.log_text()
        assert "Traceback" not in worker.log_text()


def test_ctrl_c_and_sigterm_amid_heavy_load_lose_nothing_and_give_nothing_twice(
    tmp_path: Path, bootstrap: str
) -> None:
    name = w.create_pipeline(tmp_path, bootstrap)
    w.produce(bootstrap, f"{name}.events", events(0, 40_000), 2)
    with w.workers(tmp_path, bootstrap) as start:
        for number in (signal.SIGINT, signal.SIGTERM):
            n_before = n_results(bootstrap, name)
            worker = start()
            w.until(lambda: n_results(bootstrap, name) > n_before + 1_000, "it is in the midst of it")  # noqa: B023
            worker.process.send_signal(number)
            assert worker.process.wait(30) == 0, worker.log_text()[-3000:]
            assert worker.events("worker_stopped")
    found = results(bootstrap, name)
    assert len(found) < 40_000, "both were stopped before the end"
    assert all(len(values) == 1 for values in found.values())
    for partition, offset in committed(bootstrap, name).items():
        ids = {f"{name}/{name}.events/{partition}/{n}/predict" for n in range(offset)}
        assert ids == {key for key in found if f".events/{partition}/" in key}, "results up to the frontier"


def test_a_model_too_slow_for_its_log_holds_back_reading_and_memory_stays_bounded(
    tmp_path: Path, bootstrap: str
) -> None:
    name = w.create_pipeline(tmp_path, bootstrap, SLOW_PIPELINE)
    (tmp_path / "headrace.toml").write_text('snapshot_classes = ["pipe.Slow"]\n')
    large = "x" * 4_000
    w.produce(
        bootstrap,
        f"{name}.events",
        [json.dumps({"id": f"e{i}", "a": 1.0, "y": True, "text": large}).encode() for i in range(26_000)],
        2,
    )
    with w.workers(tmp_path, bootstrap) as start:
        worker = start()
        w.until(lambda: n_results(bootstrap, name) > 0, "the first results")
        process = psutil.Process(worker.process.pid)
        before = process.memory_info().rss
        largest = before
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert worker.get("/live")[0] == 200
            largest = max(largest, process.memory_info().rss)
        n_done = n_results(bootstrap, name)
        assert worker.terminate() == 0
    assert 100 < n_done < 13_000, "the model really is slow, and works"
    assert largest - before < 60e6
    assert worker.events("worker_stopped")

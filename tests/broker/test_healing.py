"""Brokers of a cluster of three die, in turn or all at once: `headrace run` goes on by itself.

One cluster and one service live through all of it. What came out is judged by a client of another family.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from streams.broker import LocalKafka, n_brokers
from tests.broker import running
from tests.broker import workers as w
from tests.broker.running import Run

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]

BATCH = 6_000
BROKER_LOST_TIMEOUT_S = 8


class Cluster:
    """Three brokers, three workers, and how many events were sent so far."""

    def __init__(self, kafka: LocalKafka, name: str, run: Run) -> None:
        self.kafka = kafka
        self.name = name
        self.run = run
        self.bootstrap = kafka.bootstrap
        self._numbers = itertools.count(step=BATCH)
        self._n_sent = 0

    def send(self) -> None:
        """Send a batch of events and wait until the workers are in the midst of it."""
        n_before = running.n_results(self.bootstrap, self.name)
        first = next(self._numbers)
        running.produce(self.bootstrap, self.name, first, first + BATCH)
        self._n_sent = first + BATCH
        w.until(
            lambda: running.n_results(self.bootstrap, self.name) > n_before + 100, "they are in the midst"
        )

    def assert_healed(self) -> None:
        """Wait until all brokers are there and all events sent so far are done; none is lost."""
        w.until(lambda: n_brokers(self.bootstrap) == 3, "three brokers", 240)
        running.produce(self.bootstrap, self.name, self._n_sent, self._n_sent + BATCH)
        next(self._numbers)
        self._n_sent += BATCH
        running.assert_all_there(self.bootstrap, self.name, self._n_sent, 240)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("healing")
    with LocalKafka(folder / "kafka", nodes=3) as kafka:
        name = w.create_pipeline(folder, kafka.bootstrap, partitions=running.PARTITIONS)
        with running.runs(folder, kafka.bootstrap) as start:
            run = start("-n", "3", HEADRACE_BROKER_LOST_TIMEOUT_S=str(BROKER_LOST_TIMEOUT_S))
            run.until_shared(3)
            yield Cluster(kafka, name, run)


def test_all_brokers_are_restarted_one_after_another(cluster: Cluster) -> None:
    for node in cluster.kafka.nodes:
        cluster.send()
        node.stop()
        node.start()
        w.until(lambda: n_brokers(cluster.bootstrap) == 3, "three brokers", 240)

    cluster.assert_healed()


def test_no_broker_at_all_for_longer_than_workers_wait_for_one(cluster: Cluster) -> None:
    cluster.send()
    n_starts = len(cluster.run.events("worker_starting"))
    for node in cluster.kafka.nodes:
        node.kill()

    w.until(lambda: len(cluster.run.events("worker_starting")) >= n_starts + 3, "all were replaced", 240)
    reasons = [line["last_words"] for line in cluster.run.events("worker_died")[-3:]]
    assert all("no broker answered for" in reason for reason in reasons), reasons
    for node in cluster.kafka.nodes:
        node.start()

    cluster.assert_healed()


def test_after_all_that_it_stops_in_order(cluster: Cluster) -> None:
    assert cluster.run.end() == 0
    assert cluster.run.events("supervisor_stopped")[0]["exit_codes"] == [0, 0, 0]

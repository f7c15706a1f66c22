"""Brokers of three are killed, and cut off from the workers: nothing is lost, nothing is published twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.errors import LocalKafkaError
from tests.chaos.judging import fresh_name, require_sound
from tools.chaos import faults
from tools.chaos.arena import Setting, arena
from tools.chaos.cluster import GROUP_COORDINATOR, TRANSACTION_COORDINATOR, Cluster, cluster
from tools.chaos.faults import Scene
from tools.chaos.nemesis import follow

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]


NETWORK = (faults.slow_network, faults.cut_network, faults.black_hole)


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    try:
        with cluster(tmp_path_factory.mktemp("kafka")) as made:
            yield made
    except LocalKafkaError as error:
        pytest.skip(f"no Kafka: {error}")


def test_brokers_are_killed_and_a_network_is_slow_cuts_and_swallows(tmp_path: Path, brokers: Cluster) -> None:
    setting = Setting(
        brokers.proxied,
        brokers.direct,
        tmp_path,
        seed=5,
        delivery="exactly_once",
        session_s=3.0,
    )
    with arena(setting, fresh_name()) as made:
        for topic in (made.project.source, GROUP_COORDINATOR, TRANSACTION_COORDINATOR):
            node = brokers.leader(topic)
            assert node is not None
            made.faults.note("restart_broker", node.pid, detail=topic)
            node.kill()
            made.until(lambda: brokers.leader(topic) not in (None, node), "another one took over")  # noqa: B023
            made.until_flowing()
            node.start()
            made.until(lambda: brokers.is_whole(made.project.source, topic), "all are in sync")  # noqa: B023
        scene = Scene(made, brokers, random.Random(7))
        follow(
            made, [disturb(scene) for disturb in (faults.slow_network, faults.cut_network, faults.black_hole)]
        )
        brokers.heal()
        made.until_flowing()
        require_sound(made, self_ended=True)

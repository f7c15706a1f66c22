"""Three brokers, a proxy before each, and who of them does what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.broker import LocalKafka, free_ports
from streams.kafka_node import FaultListener, Node
from tools.proxy import Proxies, Proxy

NODES = 3
ASK_TIMEOUT_S = 5.0

GROUP_COORDINATOR, TRANSACTION_COORDINATOR = "__consumer_offsets", "__transaction_state"
"""Internal topics of one partition each: its leader coordinates."""


class Cluster(NamedTuple):
    """Workers come through the proxies, the harness does not."""

    kafka: LocalKafka
    proxies: list[Proxy]

    @property
    def direct(self) -> str:
        """Addresses that no proxy lies before."""
        return self.kafka.bootstrap

    @property
    def proxied(self) -> str:
        """Addresses of the proxies."""
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)

    def leader(self, topic: str, partition: int = 0) -> Node | None:
        """Return the node that leads a partition, ``None`` if there is none or nobody answers."""
        try:
            found = AdminClient({"bootstrap.servers": self.direct, "log_level": 0}).list_topics(
                topic, timeout=ASK_TIMEOUT_S
            )
        except KafkaException:
            return None
        of_topic = found.topics[topic].partitions
        number = of_topic[partition].leader if partition in of_topic else -1
        return self.kafka.node(number) if 1 <= number <= NODES else None

    def is_whole(self, *topics: str) -> bool:
        """Whether all nodes run and every partition of *topics* has all its replicas in sync."""
        if not all(node.is_running for node in self.kafka.nodes):
            return False
        try:
            admin = AdminClient({"bootstrap.servers": self.direct, "log_level": 0})
            found = admin.list_topics(timeout=ASK_TIMEOUT_S)
        except KafkaException:
            return False
        partitions = [one for topic in topics for one in found.topics[topic].partitions.values()]
        return len(found.brokers) == NODES and all(len(one.isrs) == NODES for one in partitions)

    def heal(self) -> None:
        """Let everything pass, and start the nodes that are down."""
        for proxy in self.proxies:
            proxy.heal()
        for node in self.kafka.nodes:
            if not node.is_running:
                node.start()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Yield three nodes that answer."""
    with Proxies() as made:
        listeners = free_ports(NODES)
        proxies = [made.add(port) for port in listeners]
        faults = [FaultListener(port, proxy.port) for port, proxy in zip(listeners, proxies, strict=True)]
        with LocalKafka(folder, nodes=NODES, faults=faults) as kafka:
            yield Cluster(kafka, proxies)

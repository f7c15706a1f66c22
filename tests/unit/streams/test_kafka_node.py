"""What a node of the local Kafka is told, and the ports it gets."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from headrace.errors import LocalKafkaError
from streams import broker
from streams.broker import LocalKafka, free_ports
from streams.kafka_node import FaultListener, Node, properties


def told(node: Node) -> dict[str, str]:
    return dict(line.split("=", 1) for line in properties(node, [node]).splitlines())


def test_a_node_listens_for_clients_and_controllers_only(tmp_path: Path) -> None:
    found = told(Node(1, tmp_path, (9092, 9093), heap_mb=256))

    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert found["advertised.listeners"] == found["listeners"]


def test_clients_behind_a_proxy_are_told_to_come_to_the_proxy(tmp_path: Path) -> None:
    found = told(Node(1, tmp_path, (9092, 9093), heap_mb=256, fault=FaultListener(9094, 7001)))

    assert found["listeners"].endswith(",FAULT://127.0.0.1:9094")
    assert found["advertised.listeners"].endswith(",FAULT://127.0.0.1:7001")
    assert "FAULT:PLAINTEXT" in found["listener.security.protocol.map"].split(",")
    assert found["inter.broker.listener.name"] == "PLAINTEXT"


def test_each_node_gets_its_own_listener(tmp_path: Path) -> None:
    listeners = [FaultListener(9100 + n, 7100 + n) for n in range(3)]

    kafka = LocalKafka(tmp_path, nodes=3, faults=listeners)

    assert [node.fault for node in kafka.nodes] == listeners
    assert [node.fault for node in LocalKafka(tmp_path / "other", nodes=3).nodes] == [None, None, None]


def test_free_ports_are_free_all_different_and_not_those_of_outgoing_connections() -> None:
    found = free_ports(20)

    assert len(set(found)) == 20
    assert set(found) <= set(broker.PORTS)
    for port in found[:3]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_ports_that_somebody_listens_on_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = free_ports(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()
        monkeypatch.setattr(broker, "PORTS", range(first, first + 1))
        with pytest.raises(LocalKafkaError, match="no 1 free ports"):
            free_ports(1)
    monkeypatch.setattr(broker, "PORTS", range(second, second + 1))
    assert free_ports(1) == [second]

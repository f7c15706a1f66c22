"""What a nemesis can do: each fault takes its course in steps and yields the seconds to wait between them."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from headrace.failpoints import POINTS
from streams.kafka_node import Node
from tools.chaos import actions
from tools.chaos.arena import Arena
from tools.chaos.cluster import GROUP_COORDINATOR, TRANSACTION_COORDINATOR, Cluster

Course = Iterator[float]

LOOK_S = 0.5

TRANSACTIONAL = {"after_send_offsets", "before_end_transaction", "after_end_transaction"}
"""Failpoints that only ``exactly_once`` reaches."""

NOT_BY_ITSELF = {"in_revoke", "in_command", "after_decision"}
"""Failpoints that need more than records: a rebalance in time, an operator."""


class Scene(NamedTuple):
    """What a fault acts on, and where its choices come from."""

    arena: Arena
    cluster: Cluster
    chance: random.Random


def kill_one(scene: Scene) -> Course:
    """SIGKILL a worker."""
    actions.kill_any(scene.arena, scene.chance.random())
    yield 0.0


def kill_workers(scene: Scene) -> Course:
    """SIGKILL two to four workers, one after another, at any instant."""
    for _ in range(scene.chance.randint(2, 4)):
        actions.kill_any(scene.arena, scene.chance.random())
        yield scene.chance.uniform(1.0, 7.0)


def failpoint(scene: Scene) -> Course:
    """Let a worker join that kills itself at some point of its work; if it does not come there, it leaves."""
    exactly_once = scene.arena.setting.delivery == "exactly_once"
    points = [
        point
        for point in POINTS
        if point not in NOT_BY_ITSELF and (exactly_once or point not in TRANSACTIONAL)
    ]
    point, nth = scene.chance.choice(points), scene.chance.randint(1, 3)
    armed = actions.arm(scene.arena, point, nth)
    for _ in range(24):
        yield LOOK_S
        if actions.has_fired(scene.arena, armed):
            return
    actions.leave_if_there(scene.arena, armed.slot)


def terminate_worker(scene: Scene) -> Course:
    """SIGTERM a worker."""
    actions.terminate_any(scene.arena, scene.chance.random())
    yield 0.0


def pause_worker(scene: Scene) -> Course:
    """SIGSTOP a worker for up to two session timeouts, then let it go on."""
    slot = actions.pause_any(scene.arena, scene.chance.random())
    yield scene.arena.setting.session_s * scene.chance.uniform(0.2, 2.0)
    if slot is not None:
        scene.arena.fleet.resume(slot)


def join_and_leave(scene: Scene) -> Course:
    """Let one more worker join, and leave again."""
    slot = actions.join(scene.arena)
    yield scene.chance.uniform(6.0, 12.0)
    actions.leave_if_there(scene.arena, slot)


def restart_broker(scene: Scene) -> Course:
    """End the leader of a partition, of the group or of transactions, mostly by SIGKILL; start it again."""
    topic = scene.chance.choice([scene.arena.project.source, GROUP_COORDINATOR, TRANSACTION_COORDINATOR])
    yield from _until_whole(scene)
    node = scene.cluster.leader(topic) or scene.chance.choice(scene.cluster.kafka.nodes)
    yield from _down(scene, node, _name(topic), scene.chance.uniform(2.0, 8.0))


def restart_all_brokers(scene: Scene) -> Course:
    """Restart every broker, one after another."""
    for node in scene.cluster.kafka.nodes:
        yield from _until_whole(scene)
        yield from _down(scene, node, "in turn", 1.0)


def no_broker(scene: Scene, seconds: float = 60.0) -> Course:
    """Kill all brokers and start them again after a while."""
    for node in scene.cluster.kafka.nodes:
        if node.is_running:
            node.kill()
    scene.arena.faults.note("all_brokers_away", detail=f"{seconds:.0f} s")
    yield seconds
    for node in scene.cluster.kafka.nodes:
        scene.arena.faults.note("restart_broker", detail=f"node {node.number}, from nothing")
        node.start()
    yield from _until_whole(scene)


def slow_network(scene: Scene) -> Course:
    """Let everything that workers say to a broker and hear from it come later."""
    proxy, delay_s = scene.chance.choice(scene.cluster.proxies), scene.chance.uniform(0.02, 0.3)
    proxy.delay(delay_s)
    scene.arena.faults.note("slow_network", detail=f"{delay_s * 1000:.0f} ms")
    yield scene.chance.uniform(3.0, 10.0)
    proxy.heal()


def cut_network(scene: Scene) -> Course:
    """Reset all connections of workers to a broker, and let no new one come about."""
    proxy = scene.chance.choice(scene.cluster.proxies)
    proxy.cut()
    scene.arena.faults.note("cut_network")
    yield scene.chance.uniform(0.1, 6.0)
    proxy.heal()


def black_hole(scene: Scene) -> Course:
    """Let nothing come through between workers and a broker, in silence."""
    proxy = scene.chance.choice(scene.cluster.proxies)
    proxy.blackhole()
    scene.arena.faults.note("black_hole")
    yield scene.chance.uniform(1.0, 8.0)
    proxy.heal()


FAULTS: Mapping[str, tuple[Callable[[Scene], Course], float]] = {
    "kill_workers": (kill_workers, 0.8),
    "failpoint": (failpoint, 0.4),
    "terminate_worker": (terminate_worker, 0.2),
    "pause_worker": (pause_worker, 0.25),
    "join_and_leave": (join_and_leave, 0.15),
    "restart_broker": (restart_broker, 0.4),
    "restart_all_brokers": (restart_all_brokers, 0.04),
    "slow_network": (slow_network, 0.15),
    "cut_network": (cut_network, 0.15),
    "black_hole": (black_hole, 0.15),
}
"""Each with how likely it is to be part of a round."""


def _down(scene: Scene, node: Node, role: str, seconds: float) -> Course:
    if not node.is_running:
        return
    is_crash = scene.chance.random() < 0.7
    number = signal.SIGKILL if is_crash else signal.SIGTERM
    scene.arena.faults.note("restart_broker", node.pid, detail=f"node {node.number}, {role}, {number.name}")
    if is_crash:
        node.kill()
    else:
        node.terminate()
    while node.is_running:
        yield LOOK_S
    node.stop()  # reaps it
    yield seconds
    node.start()
    yield from _until_whole(scene)


def _until_whole(scene: Scene) -> Course:
    for _ in range(120):
        if scene.cluster.is_whole(scene.arena.project.source, GROUP_COORDINATOR):
            return
        for node in scene.cluster.kafka.nodes:
            if not node.is_running:  # it ended while starting
                node.start()
        yield LOOK_S
    raise TimeoutError("the cluster did not become whole again")


def _name(topic: str) -> str:
    known = {GROUP_COORDINATOR: "group coordinator", TRANSACTION_COORDINATOR: "transaction coordinator"}
    return known.get(topic, "leader")

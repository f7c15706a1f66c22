"""The same promises with real models: the bits of the state, and the bytes of the results."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.simulation.cluster import Cluster
from tests.simulation.folds import FoldKit
from tests.simulation.loop import SimLoop
from tests.simulation.plan import planned
from tests.simulation.run import silence
from tests.simulation.transactions import simulated


@pytest.fixture(autouse=True)
def _snapshots_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cost ceiling, which counts real seconds, not meet virtual time."""
    monkeypatch.setattr("streams.snapshotting.COST_SHARE", float("inf"))


def run_all(seeds: range, *, is_keyed: bool) -> Counter[str]:
    silence()
    loop, kit, seen = SimLoop(), FoldKit(is_keyed=is_keyed), Counter[str]()
    for seed in seeds:
        with loop, simulated():
            cluster = Cluster(replace(planned(seed), n_commands=0), loop, kit=kit)
            cluster.run()
            for process in cluster.living:
                process.kill()
        assert not cluster.world.failures, f"seed {seed}: {cluster.world.failures}"
        seen += cluster.world.counts
    return seen


@pytest.mark.parametrize("is_keyed", [False, True], ids=["state per partition", "state per key"])
def test_real_models_come_back_to_the_bit(is_keyed: bool) -> None:
    seen = run_all(range(30), is_keyed=is_keyed)
    assert seen["recovered snapshot"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("is_keyed", [False, True], ids=["state per partition", "state per key"])
@pytest.mark.parametrize("shard", range(3))
def test_real_models_come_back_to_the_bit_in_hundreds_of_schedules(shard: int, is_keyed: bool) -> None:
    seen = run_all(range(shard * 100 + 30, shard * 100 + 130), is_keyed=is_keyed)
    assert seen["recovered snapshot"] > 0
    assert seen["zombies woken"] > 0

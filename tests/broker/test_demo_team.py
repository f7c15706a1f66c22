"""`headrace demo --scene team --chaos`: sabotage, drift and kills, and never an answer missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.broker.demos import demos, summaries

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]

N = 4_000


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with demos(tmp_path_factory.mktemp("team")) as demo:
        running = demo("--scene", "team", "--events", str(N), "--chaos", "--json")
        summary = summaries(running, limit_s=1_200.0)["team"]
        assert running.left_nothing()
        yield summary | {"said": running.stderr()}


def test_each_payment_has_one_answer_whoever_is_sabotaged_or_killed(found: dict[str, Any]) -> None:
    assert found["exact"]
    assert found["events"] == found["predictions"] == N
    assert found["dead_letters"] == 0
    assert sum(phase["n"] for phase in found["phases"]) == N
    assert found["empty"] <= 2  # the first of each partition: nothing is learned yet
    assert found["restarts"] == len(found["kills"]) >= 3


def test_the_circuit_opens_for_each_fault_and_closes_again_while_another_stands_in(
    found: dict[str, Any],
) -> None:
    for partition in (0, 1):
        events = [event for event in found["circuits"] if event["source"]["partition"] == partition]
        turns = [event["circuit"] for event in events]
        assert turns == ["open", "half_open", "closed"] * 3
        raised, nan, slow = (event["happened"] for event in events[::3])
        assert "sabotaged: the scaler lost its calibration" in raised
        assert "checkpoint learned" in raised
        assert "checkpoint learned" in nan
        assert "took longer than 10 ms" in slow
    before, during = found["phases"][:2]
    assert before["stood_in"] == {}
    assert 650 <= during["stood_in"]["linear-backup"] <= 700  # rests and probes, six times


def test_weights_move_when_the_frauds_change_and_the_challenger_is_promoted(found: dict[str, Any]) -> None:
    assert [phase["name"] for phase in found["phases"]] == [
        "before",
        "sabotaged",
        "frauds changed",
        "promoted",
    ]
    for phase in found["phases"]:
        assert sum(phase["weights"].values()) == pytest.approx(1.0, abs=0.001)
    tree, linear = ([phase["weights"][name] for phase in found["phases"]] for name in ("tree", "linear"))
    assert tree[1] > 0.2
    assert tree[-1] < 0.05
    assert linear[-1] > 0.8 > linear[1]
    promoted = [event for event in found["contest"] if event["action"] == "promoted"]
    assert sorted(event["source"]["partition"] for event in promoted) == [0, 1]
    assert all(event["e_value"] >= event["limit"] == pytest.approx(20.0) for event in promoted)
    *others, last = found["phases"]
    assert [phase["alone"] for phase in others] == [{}] * 3
    assert last["alone"] == {"adaptive": last["n"]}
    assert last["accuracy"]["answer"] == last["accuracy"]["adaptive"]
    assert last["accuracy"]["answer"] > last["accuracy"]["combined"] + 0.05


def test_the_state_is_bit_identical_to_the_log_folded_again(found: dict[str, Any]) -> None:
    assert found["proof"] == {
        "partitions": 2,
        "records": N,
        "beyond": 0,
        "skipped": [],
        "different": [],
    }
    assert "bit-identical" in found["said"]

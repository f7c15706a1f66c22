"""`headrace demo --chaos` kills workers, loses nothing, and proves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.demos import Start, demos, summary

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Start]:
    with demos(tmp_path) as start:
        yield start


def test_workers_killed_in_turn_lose_nothing_and_the_state_is_bit_identical(demo: Start) -> None:
    running = demo(
        "--scene", "flights", "--chaos", "--delivery", "exactly_once", "--events", "4000", "--json"
    )
    found = summary(running, limit_s=900.0)

    assert found["exact"]
    assert found["events"] == found["predictions"] + found["dead_letters"] == 4_002
    assert found["labels"]["states"] == {"joined": found["labels"]["sent"]}
    assert found["labels"]["sent"] > 3_800
    assert found["duplicates"] - found["duplicate_letters"] == found["labels"]["duplicates"] == 0
    assert [kill["worker"] for kill in found["kills"]][:3] == [1, 2, 1]
    assert found["restarts"] == len(found["kills"])
    assert all(kill["silent_s"] > 0 for kill in found["kills"])
    assert all(any(kill["snapshots"]) for kill in found["kills"])
    proof = found["proof"]
    assert proof.pop("records") > 4_000 + found["labels"]["sent"] + 4 * 3_322  # planes are in all partitions
    assert proof == {"partitions": 4, "beyond": 0, "skipped": [], "different": []}
    said = running.stderr()
    for expected in (
        "kill 1: SIGKILL to worker 1, which holds partitions",
        "was ended by SIGKILL; starts again in",
        "worker 2 is back (pid",
        "back: partition",
        f"lost 0, duplicates with the same bytes {found['duplicates']}, with other bytes 0",
        "bit-identical",
    ):
        assert expected in said
    assert running.left_nothing()

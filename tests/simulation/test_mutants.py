"""The simulation notices every bug that is seeded for it."""

from __future__ import annotations

import pytest

from tests.simulation.loop import SimLoop
from tests.simulation.mutants import NAMES, hunt
from tests.simulation.run import silence

FAST = (
    "commit_one_ahead",
    "commit_before_ack",
    "snapshot_before_commit",
    "snapshot_without_offset",
    "loud_replay",
)


@pytest.mark.parametrize("name", FAST)
def test_a_bug_that_shows_soon_is_caught(name: str) -> None:
    silence()
    assert hunt(name, SimLoop(), 200).failure is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in FAST])
def test_every_other_bug_is_caught(name: str) -> None:
    silence()
    assert hunt(name, SimLoop()).failure is not None

"""Workers are killed at each named point of their work and at any instant: nothing is lost or done twice."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from headrace.failpoints import POINTS
from tests.chaos.judging import fresh_name, require_sound
from tools.chaos import actions
from tools.chaos.arena import Arena, Setting, arena

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]

ANYWHERE: Sequence[Mapping[str, int]] = (
    {"after_poll": 20, "after_decode": 40, "before_learn": 60, "after_learn": 80},
    {"after_produce": 15, "before_snapshot_write": 2, "during_snapshot_write": 2, "after_snapshot_write": 2},
    {"in_assign": 1, "in_dead_letter": 3, "in_revoke": 1},
)
"""Each point, and the time at which it strikes; those of a group strike together."""

IN_TRANSACTIONS = ({"after_send_offsets": 5, "before_end_transaction": 10, "after_end_transaction": 15},)

OF_OPERATORS = "in_command"
"""Reached when an operator gives a command."""

BEFORE_THE_ACT = "after_decision"
"""Reached right after that; `tests/broker/test_orders.py` kills a worker there."""


def kill_three(made: Arena, chance: random.Random) -> None:
    for _ in range(3):
        made.pause(chance.random())
        made.until_flowing(actions.kill(made, chance.random()))


def test_no_point_is_left_out() -> None:
    assert {
        OF_OPERATORS,
        BEFORE_THE_ACT,
        *(point for group in (*ANYWHERE, *IN_TRANSACTIONS) for point in group),
    } == set(POINTS)


@pytest.mark.parametrize(
    ("delivery", "groups"),
    [("at_least_once", ANYWHERE), ("exactly_once", IN_TRANSACTIONS)],
    ids=["at_least_once", "exactly_once"],
)
def test_workers_that_are_killed_anywhere_lose_nothing(
    tmp_path: Path, bootstrap: str, delivery: str, groups: Sequence[Mapping[str, int]]
) -> None:
    with arena(Setting(bootstrap, bootstrap, tmp_path, seed=2, delivery=delivery), fresh_name()) as made:
        for points in groups:
            for fault in actions.fail_at(made, points):
                made.until_flowing(fault)
        kill_three(made, random.Random(1))
        require_sound(made)


def test_a_command_whose_owner_dies_carrying_it_out_is_carried_out_once_by_the_next(
    tmp_path: Path, bootstrap: str
) -> None:
    # Not oftener: else the snapshot that the command names is overwritten before the next owner reads it.
    setting = Setting(bootstrap, bootstrap, tmp_path, seed=8, delivery="exactly_once", snapshot_s=4.0)
    with arena(setting, fresh_name()) as made:
        armed = actions.arm(made, OF_OPERATORS, 1)
        made.until_held(armed.slot)
        made.until_flowing()
        partition = str(made.fleet.partitions(armed.slot)[0])
        made.pause(2 * setting.snapshot_s)

        answer = made.command("model", "rollback", "-p", partition, "--before", "1s", "--yes", "--json")

        made.until(lambda: actions.has_fired(made, armed), "the worker died of the command")
        made.until_flowing()
        report = require_sound(made, is_decided=True)
    (decided,) = json.loads(answer)
    assert report["counts"]["decisions"] == 1
    assert decided["acts_at"] > decided["snapshot_offset"]
    assert [verdict["identical"] for verdict in report["verified"]] == [True] * setting.partitions

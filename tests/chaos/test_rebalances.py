"""Workers come, go, and are stopped in their tracks: nothing is lost, nothing is learned twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.judging import fresh_name, require_sound
from tools.chaos import actions, guards
from tools.chaos.arena import Setting, arena

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1_800)]


def test_workers_that_come_and_go_lose_nothing(tmp_path: Path, bootstrap: str) -> None:
    with arena(Setting(bootstrap, bootstrap, tmp_path, seed=3), fresh_name()) as made:
        n_before = guards.rebalances(made)
        for _ in range(5):
            slot = actions.join(made)
            made.until_held(slot)
            made.until_flowing(actions.leave(made, slot))
        n_rebalances = guards.rebalances(made) - n_before
        report = require_sound(made)
    assert n_rebalances >= 10
    assert report["counts"].get("duplicates", 0) == 0, "who leaves in order leaves nothing undone"


@pytest.mark.parametrize(("delivery", "times"), [("at_least_once", 1), ("exactly_once", 2)])
def test_workers_that_were_paused_beyond_their_session_do_no_harm(
    tmp_path: Path, bootstrap: str, delivery: str, times: int
) -> None:
    setting = Setting(bootstrap, bootstrap, tmp_path, seed=4, delivery=delivery)
    with arena(setting, fresh_name()) as made:
        for n in range(times):
            fault = actions.pause(made, n / 2)
            made.until_flowing(fault)
            made.pause(setting.session_s)
            made.fleet.resume_all()
            made.until_flowing()
        require_sound(made)

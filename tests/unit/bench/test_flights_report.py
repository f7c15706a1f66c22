"""From what was measured on flights to goals and rows."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.bench.flights.kills import moments, n_identical
from agents.bench.flights.measured import Disturbed, Findings, Quality
from agents.bench.flights.plan import Plan
from agents.bench.flights.progress import TOPICS, n_logged, n_sent
from agents.bench.flights.report import (
    as_json,
    at_quarters,
    goals,
    kills_rows,
    memory_rows,
    quality_rows,
    run_rows,
)
from agents.bench.measured import Run
from agents.flights.pipeline import PLANES, REGIONS, WEATHER


def full_findings() -> Findings:
    """Headrace at 0.5, 0.7 and 0.8 of the bare loop."""
    runs = [Run("flights", n, "bare", 1_000, 1.0, 1.0, 200.0) for n in range(3)]
    runs += [Run("flights", n, "headrace", 1_000, 1 / r, 1.3, 180.0) for n, r in enumerate((0.7, 0.5, 0.8))]
    return Findings(
        runs=runs,
        rss_mb=[[100.0, 104.0, 105.0, 106.0], [100.0, 130.0, 131.0, 130.0], [200.0, 210.0, 216.0, 216.0]],
        qualities=[Quality(True, 990, 10, 0.92, 0.91), Quality(False, 990, 10, 0.915, 0.9096)],
        disturbed=Disturbed(20, 7, 99.4, 4, 3, 12, 990, 1_234),
    )


def reached(findings: Findings) -> dict[str, bool | None]:
    return {goal.name: goal.is_reached for goal in goals(findings)}


def test_goals_are_reached_or_not() -> None:
    assert reached(full_findings()) == {
        "headrace to the bare loop": True,
        "memory at the end, to a quarter": True,
        "accuracy gained by joins": True,
        "ROC AUC gained by joins": False,
        "bit-identical partitions after 20 kills": False,
    }


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    assert set(reached(Findings()).values()) == {None}
    assert not any("kills" in name for name in reached(Findings()))


def test_the_figures_of_goals_are_those_of_the_rounds() -> None:
    found = {goal.name: goal.value for goal in goals(full_findings())}
    assert found["headrace to the bare loop"] == pytest.approx(0.7)
    assert found["memory at the end, to a quarter"] == pytest.approx(1.08)
    assert found["accuracy gained by joins"] == pytest.approx(0.5)


def test_memory_is_told_at_the_quarters() -> None:
    assert at_quarters([float(i) for i in range(1, 41)]) == [10.0, 20.0, 30.0, 40.0]
    assert at_quarters([7.0]) == [7.0, 7.0, 7.0, 7.0]


def test_there_is_a_row_for_everything() -> None:
    found = full_findings()
    assert [row[0] for row in run_rows(found)] == ["bare", "headrace"]
    assert [row[0] for row in quality_rows(found)] == ["with joins", "without joins"]
    assert [row[-1] for row in memory_rows(found)] == ["1.06", "1.30", "1.08"]
    assert kills_rows(found) == [["20", "99", "4", "3", "12", "990", "1,234"]]
    assert kills_rows(Findings()) == []


def test_the_json_holds_goals_and_all_that_was_measured() -> None:
    found = as_json(full_findings(), {"cores": 2})
    assert found["about"] == {"cores": 2}
    assert [goal["is_reached"] for goal in found["goals"]] == [True, True, True, False, False]
    assert len(found["raw"]["runs"]) == 6


def test_kills_come_in_order_at_moments_that_the_seed_decides() -> None:
    found = moments(20, 10_000, seed=7)
    assert found == moments(20, 10_000, seed=7) != moments(20, 10_000, seed=8)
    assert [taken for taken, _ in found] == sorted(taken for taken, _ in found)
    assert all(0 < taken < 10_000 and 0 <= later_s < 1 for taken, later_s in found)


def test_a_partition_counts_as_identical_only_up_to_the_end_of_its_log() -> None:
    verdicts = [
        {"partition": 0, "identical": True, "offset": 10},
        {"partition": 1, "identical": True, "offset": 9},
        {"partition": 2, "identical": False, "offset": 10},
    ]
    assert n_identical(verdicts, {0: 10, 1: 10, 2: 10}) == 1


def test_rows_of_tables_are_in_every_partition_of_the_log() -> None:
    assert n_logged(Counter(dict.fromkeys(TOPICS, 10)), 4) == 10 + 10 + 40 + 40 + 40
    sent = n_sent(1_000)
    assert sent.keys() == set(TOPICS)
    assert n_logged(sent, 1) == sent.total()
    assert n_logged(sent, 2) - sent.total() == sent[WEATHER] + sent[PLANES] + sent[REGIONS]


def test_a_longer_run_may_take_longer() -> None:
    assert Plan(flights=1_000).deadline_s < Plan().deadline_s
    assert Plan(rounds=2).n_steps() == 5
    assert Plan(rounds=2, kills=3).n_steps() == 6

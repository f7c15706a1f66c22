"""From runs to medians, ratios, parts, goals and rows."""

from __future__ import annotations

import math

import pytest

from agents.bench import tables
from agents.bench.goals import Goal, goals
from agents.bench.latency import percentile
from agents.bench.measured import Findings, Latency, Run, Scaling, Split
from agents.bench.report import Spread, as_json, lines, parts, ratio, speedup, spread
from agents.bench.scaling import together


def run(contestant: str, number: int, *, seconds: float, model: str = "lr", cpu_s: float = 1.0) -> Run:
    return Run(model, number, contestant, 1_000, seconds, cpu_s, 100.0 + number)


def full_findings() -> Findings:
    """Headrace at 0.8, 0.9 and 1.0 of a bare loop whose own speed halves in the last round."""
    bare_s = (1.0, 1.0, 2.0)
    ours_s = (1.0 / 0.8, 1.0 / 0.9, 2.0)
    runs = [run("bare", n, seconds=s) for n, s in enumerate(bare_s)]
    runs += [run("headrace", n, seconds=s, cpu_s=0.02) for n, s in enumerate(ours_s)]
    runs += [run("aiokafka", n, seconds=s * 2) for n, s in enumerate(ours_s)]
    return Findings(
        runs=runs,
        splits=[Split("lr", n, codec_us=2.0, model_us=10.0, step_us=14.0 + n) for n in range(3)],
        latencies=[
            Latency("headrace", 1_000, 0, 10_000, 10_000, 5.0, 25.0, 500.0),
            Latency("headrace", 1_000, 1, 10_000, 10_000, 6.0, 90.0, 500.0),
            Latency("headrace", 1_000, 2, 10_000, 10_000, 7.0, 27.0, 500.0),
            Latency("headrace", 5_000, 0, 49_999, 50_000, 5.0, 25.0, 100.0),
        ],
        scalings=[Scaling("headrace", n, w, w * (100.0 + n)) for n in range(3) for w in (1, 2)],
    )


def test_a_spread_is_median_least_and_most():
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert spread([]) is None


def test_a_ratio_compares_within_the_round():
    # The medians of the events per second alone would give another ratio.
    found = ratio(full_findings().runs, "lr", "headrace", "bare")
    assert found is not None
    assert (found.least, found.median, found.most) == pytest.approx((0.8, 0.9, 1.0))


def test_a_ratio_uses_only_rounds_that_both_finished():
    runs = [r for r in full_findings().runs if (r.contestant, r.round) != ("bare", 1)]
    found = ratio(runs, "lr", "headrace", "bare")
    assert found is not None
    assert found.n == 2


def test_there_is_no_ratio_to_who_did_not_take_part():
    assert ratio(full_findings().runs, "lr", "headrace", "faust") is None


def test_a_line_sums_up_one_contestant():
    bare, ours, _ = lines(full_findings().runs, "lr")
    assert bare.ratio == Spread(1.0, 1.0, 1.0, 3)
    assert ours.contestant == "headrace"
    assert ours.cpu_us.median == pytest.approx(20.0)
    assert ours.peak_rss_mb == 102.0


def test_the_parts_add_up_to_the_whole():
    found = parts(full_findings(), "lr")
    assert found is not None
    assert found.bookkeeping_us == pytest.approx(3.0)
    assert found.transport_us == pytest.approx(5.0)
    total = found.codec_us + found.model_us + found.bookkeeping_us + found.transport_us
    assert total == pytest.approx(found.total_us)


def test_there_are_no_parts_without_a_split():
    assert parts(full_findings(), "ht") is None


def test_the_speed_up_is_that_of_the_same_round():
    found = speedup(full_findings().scalings, "headrace")
    assert found is not None
    assert found.median == pytest.approx(2.0)


def test_workers_together_take_from_the_first_start_to_the_last_end():
    first = {"events": 100, "started_at": 10.0, "ended_at": 12.0}
    second = {"events": 100, "started_at": 11.0, "ended_at": 14.0}
    assert together([first, second]) == pytest.approx(50.0)


def test_percentiles_are_those_of_all_values():
    assert percentile([float(v) for v in range(101)], 99) == pytest.approx(99.0)
    assert math.isnan(percentile([1.0], 50))


def test_a_goal_is_reached_from_the_right_side():
    assert Goal("speed", 0.75, 0.75).is_reached
    assert not Goal("speed", 0.75, 0.74).is_reached
    assert Goal("latency", 30.0, 29.0, "ms", is_most=True).is_reached
    assert Goal("speed", 0.75, None).is_reached is None
    assert Goal("latency", 30.0, 29.0, "ms", is_most=True).wanted == "<= 30 ms"


def test_a_latency_with_results_missing_reaches_no_goal():
    found = {goal.name: goal for goal in goals(full_findings())}
    assert found["p99 latency at 1,000 events/s"].value == 27.0, "the median of the rounds"
    assert found["p99 latency at 5,000 events/s"].value is None


def test_every_goal_stands_in_the_table_even_where_nothing_was_measured():
    rows = tables.goal_rows(goals(Findings()))
    assert len(rows) == 12
    assert {row[-1] for row in rows} == {"not measured"}


def test_rows_have_as_many_cells_as_there_are_columns():
    findings = full_findings()
    for columns, rows in (
        (tables.RUN_COLUMNS, tables.run_rows(findings, "lr")),
        (tables.PART_COLUMNS, tables.part_rows(findings)),
        (tables.LATENCY_COLUMNS, tables.latency_rows(findings)),
        (tables.SCALING_COLUMNS, tables.scaling_rows(findings)),
        (tables.GOAL_COLUMNS, tables.goal_rows(goals(findings))),
    ):
        assert rows
        assert {len(row) for row in rows} == {len(columns)}


def test_the_title_names_who_had_fewer_events():
    findings = full_findings()
    findings.runs.append(Run("lr", 0, "faust", 100, 1.0, 1.0, 100.0))
    assert tables.run_title(findings, "lr") == "model lr: 1,000 events, faust 100"


def test_the_json_holds_the_raw_runs_and_what_they_amount_to():
    found = as_json(full_findings(), {"at": "now"})
    assert found["about"] == {"at": "now"}
    assert len(found["raw"]["runs"]) == 9
    assert found["models"]["lr"][1]["contestant"] == "headrace"
    assert found["two_workers"]["headrace"]["n"] == 3

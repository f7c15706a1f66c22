"""What the benchmark compares, and in which order."""

from __future__ import annotations

import sys
from pathlib import Path

from agents.bench.plan import CONTESTANTS, Plan, command, order, share
from agents.bench.variants import VARIANTS


def test_the_bare_loop_always_takes_part():
    assert [c.name for c in Plan(peers=("aiokafka",)).contestants] == ["bare", "aiokafka"]


def test_a_quick_run_has_a_tenth_of_the_events():
    assert Plan(is_quick=True).events_of("lr") == Plan().events_of("lr") // 10


def test_a_number_of_events_given_holds_for_every_model():
    plan = Plan(events=700, is_quick=True)
    assert {plan.events_of(model) for model in plan.models} == {700}


def test_a_full_run_has_at_least_150_000_events_of_a_cheap_model():
    assert Plan().events_of("none") >= 150_000
    assert Plan().events_of("lr") >= 150_000


def test_the_slow_contestant_works_on_fewer_events():
    assert share(CONTESTANTS["faust"], 150_000) == 10_000
    assert share(CONTESTANTS["faust"], 1_500) == 1_500
    assert share(CONTESTANTS["headrace"], 150_000) == 150_000


def test_each_round_starts_with_another_contestant():
    contestants = list(CONTESTANTS.values())
    turns = [order(contestants, turn) for turn in range(len(contestants))]
    assert {turn[0] for turn in turns} == set(contestants)
    assert all(sorted(t, key=str) == sorted(contestants, key=str) for t in turns)


def test_headrace_runs_with_its_own_python_and_peers_with_theirs():
    peers_python = Path("/venv/bin/python")
    assert command("some.module", peers_python, is_ours=True) == [sys.executable, "-m", "some.module"]
    python, script = command("bare.py", peers_python)
    assert python == str(peers_python)
    assert Path(script).is_file()


def test_every_script_of_a_peer_exists():
    for contestant in CONTESTANTS.values():
        if not contestant.is_ours:
            assert Path(command(contestant.script, Path("python"))[1]).is_file()


def test_the_number_of_steps_counts_every_measurement():
    plan = Plan(
        rounds=2,
        models=("lr",),
        peers=("headrace", "faust"),
        latency_rounds=2,
        scaling_rounds=3,
        variant_rounds=1,
    )
    throughput = 2 * (3 + 1)  # bare, headrace, faust and the split
    # two rates, one worker and two, the ways to run headrace
    assert plan.n_steps() == throughput + 2 * 2 + 3 * 2 + len(VARIANTS)


def test_nothing_of_headrace_is_measured_where_it_takes_no_part():
    plan = Plan(peers=("faust",))
    assert plan.timed == []
    assert plan.n_splits == 0

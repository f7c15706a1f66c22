"""The chaos harness where no worker is needed: what is drawn, what counts, what is written down."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.chaos import guards, nemesis, report
from tools.chaos.faultlog import Fault
from tools.chaos.faults import FAULTS
from tools.chaos.feed import BAD, record
from tools.chaos.fleet import Ended
from tools.chaos.process import Said
from tools.chaos.recovery import Split
from tools.chaos.soak import Orders, Outcome
from tools.check import ANOMALY_KINDS


def rounds(seed: int, n: int) -> list[tuple[str, ...]]:
    chance = random.Random(seed)
    return [nemesis.drawn(chance) for _ in range(n)]


def assigned(at: float, pid: int, *partitions: int) -> Said:
    return Said(at, 1, pid, "assigned", {"partitions": list(partitions)})


def ended(pid: int, code: int, why: str, words: str = "") -> Ended:
    return Ended(1.0, 1, pid, code, why, words)


def disturbed(faults: list[Fault], ends: list[Ended], said: list[Said] | None = None) -> Any:
    return SimpleNamespace(
        faults=SimpleNamespace(faults=faults), fleet=SimpleNamespace(ended=ends, said=said or [])
    )


def test_the_same_seed_draws_the_same_rounds_and_another_one_others() -> None:
    assert rounds(7, 50) == rounds(7, 50)
    assert rounds(7, 50) != rounds(8, 50)


def test_about_a_quarter_of_the_rounds_is_quiet_and_no_fault_is_left_out() -> None:
    drawn = rounds(1, 2_000)

    assert 0.2 < drawn.count(()) / len(drawn) < 0.3
    assert {name for names in drawn for name in names} == {*FAULTS, "kill_one"}


def test_two_brokers_are_never_restarted_at_the_same_time() -> None:
    assert not any({"restart_broker", "restart_all_brokers"} <= set(names) for names in rounds(1, 5_000))


def test_faults_take_their_courses_at_the_same_time() -> None:
    steps: list[str] = []
    looks = [0]

    def course(name: str, n: int) -> Iterator[float]:
        for step in range(n):
            steps.append(f"{name}{step}")
            yield 0.0

    def look() -> None:
        looks[0] += 1

    nemesis.follow(SimpleNamespace(fleet=SimpleNamespace(check=look)), [course("a", 2), course("b", 3)])  # type: ignore[arg-type]

    assert steps == ["a0", "b0", "a1", "b1", "b2"]
    assert looks[0] == 4


def test_a_kill_counts_only_if_the_worker_died_of_it() -> None:
    faults = [
        Fault(1, "kill_worker", 10),
        Fault(2, "kill_worker", 11),
        Fault(3, "failpoint", 12),
        Fault(4, "join", 13),
    ]
    ends = [
        ended(10, -signal.SIGKILL, "killed"),
        ended(11, 1, "killed"),
        ended(12, -signal.SIGKILL, "failpoint x"),
    ]

    found = guards.effective(disturbed(faults, ends))

    assert found == Counter(kill_worker=1, failpoint=1, join=1)
    assert guards.kills(found) == 2


@pytest.mark.parametrize(("detail", "said"), [("after_produce:1", 1), ("in_command:1", 0)])
def test_a_kill_has_to_hit_an_open_transaction_but_where_one_was_just_committed(
    detail: str, said: int
) -> None:
    made = disturbed(
        [Fault(1.0, "failpoint", pid=12, detail=detail)],
        [ended(12, -signal.SIGKILL, "failpoint")],
        [Said(1.0, 1, 12, f"{detail[:-2]} reached", {})],
    )
    made.watch = SimpleNamespace(arrivals=[[2.0]])
    made.setting = SimpleNamespace(delivery="exactly_once")

    found = guards.misses(made, {"counts": {"letters": 1, "tombstones": 1}})

    assert found == ["1 kills and no transaction was aborted"][:said]


def test_a_rebalance_is_over_when_every_partition_was_given_out() -> None:
    said = [
        assigned(1, 10, 0, 1),
        assigned(1, 11, 2),
        assigned(2, 10),
        assigned(3, 10, 0, 1, 2),
        assigned(4, 11, 2),
    ]

    assert guards.rebalances(disturbed([], [], said)) == 3


def test_the_stream_holds_bad_records_tombstones_and_the_same_again() -> None:
    made = [record(3, n) for n in range(3_000)]

    assert made == [record(3, n) for n in range(3_000)]
    values = [value for _, value in made]
    assert set(BAD) <= set(values)
    assert 10 < values.count(None) < 60
    assert made != [record(4, n) for n in range(3_000)]


def outcome(anomalies: dict[str, int] | None = None, different: list[int] | None = None) -> Outcome:
    found = dict.fromkeys(ANOMALY_KINDS, 0) | (anomalies or {})
    return Outcome(
        seconds=1_900.0,
        sent=540_000,
        faults=Counter(kill_worker=90, failpoint=14, restart_broker=22),
        rebalances=210,
        ended=[
            ended(1, -9, "killed"),
            ended(2, 1, "", "no broker answered for 61 s"),
            ended(3, 1, "", "no broker answered for 60 s"),
        ],
        rounds=[nemesis.Round((), 0, 20, 20), nemesis.Round(("kill_one",), 20, 30, 38)],
        judgement={"sound": not anomalies, "anomalies": found, "counts": {"results": 500_000}},
        compared=8,
        different=different or [],
        splits=[
            Split("kill_worker", 0, 7.0, 6.0, 0.4, 0.2, 0.1, 0.3),
            Split("kill_worker", 1, 9.0, 6.0, 0.4, None, None, None),
        ],
    )


ORDERS = Orders(30.0, 5, "exactly_once", 300.0, Path("folder"))


def test_a_report_says_what_was_done_found_and_how_long_it_took() -> None:
    made = report.section(ORDERS, outcome(), "python3 dev.py chaos --seed 5")

    assert made.startswith("## exactly_once\n\n`python3 dev.py chaos --seed 5`")
    assert "every promise was kept" in made
    assert "| SIGKILLs of workers | 104, 14 of them at a failpoint |" in made
    assert "| total | 2 | 7.00 | 9.00 | 9.00 |" in made
    assert "| load | 1 | 0.20 | 0.20 | 0.20 |" in made
    assert "| 2 | no broker answered for N s |" in made
    assert "8 of 8 partitions" in made


@pytest.mark.parametrize("broken", [outcome({"lost": 3}), outcome(different=[4])], ids=["lost", "state"])
def test_a_report_of_a_broken_promise_says_so_at_the_top(broken: Outcome) -> None:
    assert not broken.is_sound
    assert "**promises were broken**" in report.section(ORDERS, broken, "c")


def test_a_section_takes_the_place_of_the_one_before_and_leaves_others_alone(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "page.md"
    report.put(page, "## exactly_once\n\nfirst\n")
    report.put(page, "## at_least_once\n\nother\n")

    report.put(page, "## exactly_once\n\nsecond\n")

    text = page.read_text()
    assert text.startswith("# Reliability")
    assert text.index("## at_least_once\n\nother\n") < text.index("## exactly_once\n\nsecond\n")
    assert "first" not in text
    assert [path.name for path in page.parent.iterdir()] == ["page.md"]
